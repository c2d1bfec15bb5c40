module github.com/kefu-chat/kefu/examples/bot

go 1.26.0

require github.com/kefu-chat/kefu/clients/go v0.0.0

replace github.com/kefu-chat/kefu/clients/go => ../../clients/go
