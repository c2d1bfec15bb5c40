// Package rocketmq is a small client of Apache RocketMQ, over the remoting
// protocol that brokers and name servers of versions 4 and 5 speak.
//
// A Client holds what its producers and consumers share: one connection to each
// server with any number of requests under way, the routes of the topics, and the
// heartbeats by which brokers know who is there.
//
//	client, err := rocketmq.New(rocketmq.Config{NameServers: []string{"10.0.0.7:9876", "10.0.0.8:9876"}})
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//
//	producer, err := client.NewProducer(rocketmq.ProducerConfig{Group: "GID_ORDERS"})
//	if err != nil {
//		return err
//	}
//	result, err := producer.Send(ctx, rocketmq.Message{Topic: "ORDERS", Tag: "paid", Keys: []string{"4711"}, Body: body})
//
// A producer also sends without waiting (SendAsync), without asking (SendOneway),
// later (DelayLevel, DeliverAt), in the order of a key (OrderKey), and in
// transactions (Prepare). A consumer reads by broadcasting: it gets all that is
// sent after it subscribed.
//
//	consumer, err := client.Subscribe(ctx, rocketmq.ConsumerConfig{Group: "GID_SCREEN", Topic: "ORDERS", Tags: []string{"paid"}},
//		func(m *rocketmq.MessageExt) { show(m.Body) })
//
// A message may come more than once: a send whose answer was lost is repeated.
//
// What is called like RocketMQ's own concepts (MessageExt, MessageQueue,
// SendResult, Route) is that; the numbers are those of its RequestCode,
// ResponseCode and MessageSysFlag.
package rocketmq
