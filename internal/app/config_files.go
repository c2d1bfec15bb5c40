package app

import "time"

// FilesConfig is what files people may send, and where they are kept.
type FilesConfig struct {
	VisitorMiB      int `long:"visitor-mib" default:"20" min:"0" max:"2048" description:"MiB of the largest file of a visitor. 0: visitors send none."`
	AgentMiB        int `long:"agent-mib" default:"50" min:"0" max:"2048" description:"MiB of the largest file of an agent. 0: agents send none."`
	VisitorQuotaMiB int `long:"visitor-quota-mib" default:"200" min:"0" description:"MiB of all files of one visitor together. 0: no bound."`
	AgentQuotaMiB   int `long:"agent-quota-mib" default:"0" min:"0" description:"MiB of all files of one agent on a site together. 0: no bound."`
	SiteQuotaMiB    int `long:"site-quota-mib" default:"20480" min:"0" description:"MiB of all files of a site together. 0: no bound."`

	UploadsAtOnce int `long:"uploads-at-once" default:"64" min:"1" description:"Parts of files, of at most 4 MiB each, that a node takes at the same time. Who comes then is told to come back."`

	UnsentLasts time.Duration `long:"unsent-lasts" default:"24h" min:"1m" description:"How long a file is kept that was uploaded and that no message has."`

	SweepEvery time.Duration `long:"sweep-every" default:"1m" min:"1s" description:"How often files are deleted whose time has come, and those of messages that were taken back."`

	Folder       string `long:"folder" unset:"files in the data folder" value-name:"FOLDER" description:"The folder of the files, unless files.s3_bucket is set. It is made if it does not exist."`
	FolderShared bool   `long:"folder-shared" description:"All nodes see the same files.folder. Needed where there are several, and no bucket."`

	S3Bucket    string `long:"s3-bucket" value-name:"NAME" description:"A bucket for the files, on S3 or what speaks its protocol, instead of a folder."`
	S3Endpoint  string `long:"s3-endpoint" default:"https://s3.amazonaws.com" value-name:"URL" description:"Where the bucket is: https://HOST or http://HOST:PORT."`
	S3Region    string `long:"s3-region" default:"us-east-1" value-name:"NAME" description:"The bucket's region."`
	S3AccessKey string `long:"s3-access-key" value-name:"KEY" description:"Who may use the bucket."`
	S3SecretKey string `long:"s3-secret-key" value-name:"SECRET" description:"The secret of files.s3_access_key."`
	S3PathStyle bool   `long:"s3-path-style" description:"Name the bucket in the path, as servers other than Amazon's often want it, not in the host."`
	S3Prefix    string `long:"s3-prefix" value-name:"TEXT" description:"What the names of all objects begin with, such as kefu/: several installations may share a bucket."`
}
