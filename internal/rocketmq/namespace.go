package rocketmq

import "strings"

const (
	retryPrefix = "%RETRY%"
	dlqPrefix   = "%DLQ%"
)

// inNamespace is a topic's or a group's full name: ns%name, the prefixes of
// retries and dead letters staying outermost, and the system's topics as they are.
func inNamespace(ns, name string) string {
	if ns == "" || isSystemTopic(name) {
		return name
	}
	outer, inner := cutOuter(name)
	if strings.HasPrefix(inner, ns+"%") {
		return name
	}
	return outer + ns + "%" + inner
}

// withoutNamespace is the name that inNamespace was given.
func withoutNamespace(ns, name string) string {
	if ns == "" {
		return name
	}
	outer, inner := cutOuter(name)
	return outer + strings.TrimPrefix(inner, ns+"%")
}

func cutOuter(name string) (outer, inner string) {
	for _, prefix := range []string{retryPrefix, dlqPrefix} {
		if inner, ok := strings.CutPrefix(name, prefix); ok {
			return prefix, inner
		}
	}
	return "", name
}

func isSystemTopic(name string) bool {
	switch name {
	case autoCreateTopic, "BenchmarkTest", "TRANS_CHECK_MAX_TIME_TOPIC", "SELF_TEST_TOPIC", "OFFSET_MOVED_EVENT", "CHECKPOINT_TOPIC":
		return true
	}
	return forbiddenTopic(name) || strings.HasPrefix(name, "rmq_sys_")
}

// forbiddenTopic tells whether nobody but the broker may send to a topic.
func forbiddenTopic(name string) bool {
	switch name {
	case "SCHEDULE_TOPIC_XXXX", "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC", "TRANS_CHECK_MAX_TIME_TOPIC", "SELF_TEST_TOPIC", "OFFSET_MOVED_EVENT":
		return true
	}
	return false
}

const (
	maxTopicName = 127
	maxGroupName = 120
)

func checkName(kind, name string, limit int) error {
	if name == "" {
		return invalid("the %s has no name", kind)
	}
	if len(name) > limit {
		return invalid("the %s's name has %d characters; %d are allowed", kind, len(name), limit)
	}
	for _, r := range name {
		if !strings.ContainsRune("%|_-", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return invalid("the %s's name %q has a %q; letters, digits, %%, |, _ and - are allowed", kind, name, r)
		}
	}
	return nil
}
