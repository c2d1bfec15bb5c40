module github.com/kefu-chat/kefu/clients/go

go 1.26.0
