package rocketmq

// Requests, by RocketMQ's RequestCode.
const (
	codePullMessage           = 11
	codeUpdateAndCreateTopic  = 17
	codeSearchOffsetByTime    = 29
	codeGetMaxOffset          = 30
	codeHeartBeat             = 34
	codeUnregisterClient      = 35
	codeEndTransaction        = 37
	codeCheckTransactionState = 39 // the broker's
	codeGetRouteInfoByTopic   = 105
	codeGetBrokerClusterInfo  = 106
	codeSendMessageV2         = 310
)

// Answers, by RocketMQ's ResponseCode.
const (
	Success             = 0
	SystemError         = 1
	SystemBusy          = 2
	FlushDiskTimeout    = 10
	SlaveNotAvailable   = 11
	FlushSlaveTimeout   = 12
	MessageIllegal      = 13
	ServiceNotAvailable = 14
	NoPermission        = 16
	TopicNotExist       = 17
	PullNotFound        = 19
	PullRetry           = 20
	PullOffsetMoved     = 21
	FlowControl         = 215
	GoAway              = 1500
)

// autoCreateTopic is the topic whose route says where topics are made by their first message.
const autoCreateTopic = "TBW102"

// autoCreateQueues is how many queues such a topic gets at most.
const autoCreateQueues = 4

// The bits of a message's sysFlag.
const (
	sysCompressed    = 1 << 0
	sysTransPrepared = 1 << 2
	sysTransCommit   = 2 << 2
	sysTransRollback = 3 << 2
	sysBornHostV6    = 1 << 4
	sysStoreHostV6   = 1 << 5
	sysInnerBatch    = 1 << 6
	sysNeedUnwrap    = 1 << 7
	sysCompression   = 8 // where the three bits of the compression's type begin
)

// The properties that RocketMQ itself uses.
const (
	propTags        = "TAGS"
	propKeys        = "KEYS"
	propUniqKey     = "UNIQ_KEY"
	propWait        = "WAIT"
	propDelay       = "DELAY"
	propDeliverMs   = "TIMER_DELIVER_MS"
	propShardingKey = "__SHARDINGKEY"
	propGroup       = "PGROUP"
	propTransaction = "TRAN_MSG"
	propRealTopic   = "REAL_TOPIC"
	propInstance    = "INSTANCE_ID"
)
