package rocketmq

import (
	"context"
	"errors"
	"fmt"
)

// ErrClosed is the answer to whatever is asked of a client, a producer or a
// consumer that has been closed.
var ErrClosed = errors.New("rocketmq: closed")

// ErrEmptyBody refuses a message without a body: brokers do not agree on what to do with it.
var ErrEmptyBody = errors.New("rocketmq: the message is empty: a body of one byte or more is needed")

// ErrNoRecord refuses a transaction of a producer that could not answer the broker's check.
var ErrNoRecord = errors.New("rocketmq: this producer has no ProducerConfig.CheckTransaction, which must tell the recorded outcome when the broker asks")

// ErrSomeQueues is what a consumer's Watch is told while some of its topic's queues
// are read and others cannot be.
var ErrSomeQueues = errors.New("rocketmq: some queues cannot be read at the moment")

// TooLongError refuses a message whose body is over the limit.
type TooLongError struct{ Size, Limit int }

func (e *TooLongError) Error() string {
	return fmt.Sprintf("rocketmq: the message has %d bytes; %d are allowed: split it, or raise the limit here (MaxMessageSize) and on the broker (maxMessageSize)", e.Size, e.Limit)
}

// InvalidError refuses a message, a topic, a group or a setting that cannot be right.
type InvalidError struct{ What string }

func (e *InvalidError) Error() string { return "rocketmq: " + e.What }

func invalid(format string, args ...any) error { return &InvalidError{fmt.Sprintf(format, args...)} }

// NoTimerError refuses a message that is to be delivered at a given moment,
// because the broker is of version 4, which would deliver it at once.
type NoTimerError struct {
	Broker  string
	Version int // MQVersion's ordinal
}

func (e *NoTimerError) Error() string {
	return fmt.Sprintf("rocketmq: broker %s is older than 5.0 (version %d) and would deliver the message at once: use a delay level", e.Broker, e.Version)
}

// AnswerError is a server's refusal.
type AnswerError struct {
	Addr   string
	Code   int // RocketMQ's ResponseCode
	Remark string
}

func (e *AnswerError) Error() string {
	return fmt.Sprintf("rocketmq: %s answers %d (%s): %s", e.Addr, e.Code, codeName(e.Code), e.Remark)
}

func codeName(code int) string {
	names := map[int]string{
		SystemError: "system error", SystemBusy: "busy", MessageIllegal: "illegal message", ServiceNotAvailable: "not available",
		NoPermission: "no permission", TopicNotExist: "no such topic", FlowControl: "too fast", GoAway: "going away",
		3: "unknown request", 24: "no subscription", 25: "old subscription", 26: "no such group",
	}
	if name, ok := names[code]; ok {
		return name
	}
	return "see ResponseCode"
}

// connError is a connection that could not be made, or ended before the answer.
type connError struct {
	addr string
	err  error
}

func (e *connError) Error() string { return fmt.Sprintf("rocketmq: %s: %v", e.addr, e.err) }
func (e *connError) Unwrap() error { return e.err }

// isAnswer tells whether err is a server's answer with that code.
func isAnswer(err error, code int) bool {
	var answer *AnswerError
	return errors.As(err, &answer) && answer.Code == code
}

// elsewhere tells whether what failed with err may go well on another broker.
func elsewhere(err error) bool {
	var answer *AnswerError
	if errors.As(err, &answer) {
		switch answer.Code {
		case SystemError, SystemBusy, ServiceNotAvailable, NoPermission, TopicNotExist, FlowControl, GoAway:
			return true
		}
		return false
	}
	var broken *connError
	var old *NoTimerError
	return errors.As(err, &broken) || errors.As(err, &old) || errors.Is(err, context.DeadlineExceeded)
}
