// SPDX-License-Identifier: Apache-2.0
// Against librdkafka's own mock cluster, for what a real broker can't be made to do; a real one: tests/e2e/kafka_test.py.
#include "outputs/kafka.h"

#include <gmock/gmock.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <map>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/handle.h"

namespace shrike::outputs {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Clock = std::chrono::steady_clock;

constexpr std::int16_t kProduce = 0, kInitProducerId = 22;  // request types
constexpr const char* kTopic = "alerts";

struct Record {
  std::string key, value;
  std::map<std::string, std::string> headers;
  std::int64_t time_ms = 0;
  std::int32_t partition = 0;
};

class Cluster {
 public:
  explicit Cluster(int partitions = 1) {
    std::array<char, 512> text{};
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, nullptr);
    owner_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf, text.data(), text.size()));
    cluster_.reset(rd_kafka_mock_cluster_new(owner_.get(), 1));
    rd_kafka_mock_topic_create(cluster_.get(), kTopic, partitions, 1);
  }

  std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(cluster_.get()); }
  void fail_next(std::int16_t request, const std::vector<rd_kafka_resp_err_t>& errors) {
    rd_kafka_mock_push_request_errors_array(cluster_.get(), request, errors.size(), errors.data());
  }
  void heal(std::int16_t request) { rd_kafka_mock_clear_request_errors(cluster_.get(), request); }
  void down() { rd_kafka_mock_broker_set_down(cluster_.get(), -1); }
  void up() { rd_kafka_mock_broker_set_up(cluster_.get(), -1); }
  void answer_after(int milliseconds) { rd_kafka_mock_broker_set_rtt(cluster_.get(), -1, milliseconds); }

  // All that is in the topic.
  std::vector<Record> records(int partitions = 1) const {
    std::vector<Record> found;
    std::array<char, 512> text{};
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers().c_str(), nullptr, 0);
    rd_kafka_conf_set(conf, "group.id", "test", nullptr, 0);
    rd_kafka_conf_set(conf, "enable.partition.eof", "true", nullptr, 0);
    const std::unique_ptr<rd_kafka_t, Destroyer<rd_kafka_destroy>> consumer(
        rd_kafka_new(RD_KAFKA_CONSUMER, conf, text.data(), text.size()));
    rd_kafka_poll_set_consumer(consumer.get());
    auto* const list = rd_kafka_topic_partition_list_new(partitions);
    for (int i = 0; i < partitions; ++i) rd_kafka_topic_partition_list_add(list, kTopic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(consumer.get(), list);
    rd_kafka_topic_partition_list_destroy(list);
    for (int ends = 0; ends < partitions;) {
      const std::unique_ptr<rd_kafka_message_t, Destroyer<rd_kafka_message_destroy>> message(
          rd_kafka_consumer_poll(consumer.get(), 10'000));
      if (message == nullptr) break;
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) ++ends;
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
      Record record{.key = {static_cast<const char*>(message->key), message->key_len},
                    .value = {static_cast<const char*>(message->payload), message->len},
                    .headers = {},
                    .time_ms = rd_kafka_message_timestamp(message.get(), nullptr),
                    .partition = message->partition};
      rd_kafka_headers_t* headers = nullptr;
      if (rd_kafka_message_headers(message.get(), &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char* name = nullptr;
        const void* value = nullptr;
        std::size_t size = 0;
        for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
          record.headers[name] = {static_cast<const char*>(value), size};
        }
      }
      found.push_back(std::move(record));
    }
    return found;
  }

 private:
  std::unique_ptr<rd_kafka_t, Destroyer<rd_kafka_destroy>> owner_;
  std::unique_ptr<rd_kafka_mock_cluster_t, Destroyer<rd_kafka_mock_cluster_destroy>> cluster_;
};

Message message(int number, std::string body = {}) {
  return {.id = "id" + std::to_string(number),
          .time_ns = 1'700'000'000'123'456'789U,
          .priority = 4,
          .rule = "Rule " + std::to_string(number),
          .source = "syscall",
          .host = "n1",
          .subject = "c0ffee",
          .body = body.empty() ? R"({"n":)" + std::to_string(number) + '}' : std::move(body)};
}

std::vector<Message> batch(int count, int first = 0) {
  std::vector<Message> made;
  for (int i = 0; i < count; ++i) made.push_back(message(first + i));
  return made;
}

std::unique_ptr<Destination> made(KafkaOptions options) {
  auto kafka = make_kafka(std::move(options));
  EXPECT_TRUE(kafka.has_value()) << kafka.error().message;
  return kafka ? std::move(*kafka) : nullptr;
}

template <class Change>
KafkaOptions options_of(std::string brokers, Change change) {
  KafkaOptions options;
  options.brokers = std::move(brokers);
  options.topic = kTopic;
  change(options);
  return options;
}

KafkaOptions options_for(const Cluster& cluster) {
  return options_of(cluster.brokers(), [](auto& o) {
    o.message_timeout = 20s;
    o.librdkafka = {{"reconnect.backoff.max.ms", "200"}};
  });
}

std::map<std::string, int> counts(const std::vector<Record>& records) {
  std::map<std::string, int> counted;
  for (const Record& record : records) ++counted[record.headers.at("id")];
  return counted;
}

const auto kIsDelivered = Field(&Outcome::fate, Fate::kDelivered);
const auto kIsRetry = Field(&Outcome::fate, Fate::kRetry);
const auto kIsRejected = Field(&Outcome::fate, Fate::kRejected);
template <class Matcher>
auto because(Matcher matcher) {
  return Field(&Outcome::reason, matcher);
}

TEST(Kafka, ARecordCarriesWhatTheMessageSays) {
  const Cluster cluster;
  EXPECT_THAT(made(options_for(cluster))->deliver(batch(2), {}).outcomes, AllOf(testing::SizeIs(2), Each(kIsDelivered)));
  const auto records = cluster.records();
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[1].value, R"({"n":1})");
  EXPECT_EQ(records[1].key, "n1");
  EXPECT_EQ(records[1].time_ms, 1'700'000'000'123);
  EXPECT_EQ(
      records[1].headers,
      (std::map<std::string, std::string>{
          {"content-type", "application/json"}, {"id", "id1"}, {"rule", "Rule 1"}, {"priority", "4"}, {"source", "syscall"}}));
}

TEST(Kafka, TheKeyIsTheOneAskedFor) {
  for (const auto& [key, want] :
       std::map<std::string, std::string>{{"host", "n1"}, {"rule", "Rule 0"}, {"container", "c0ffee"}, {"none", ""}}) {
    const Cluster cluster;
    KafkaOptions options = options_for(cluster);
    options.key = key;
    EXPECT_THAT(made(options)->deliver(batch(1), {}).outcomes, Each(kIsDelivered));
    EXPECT_THAT(cluster.records(), ElementsAre(Field(&Record::key, want))) << key;
  }
}

// Java's murmur2 of "n1" over 7 partitions, and one partition for one key.
TEST(Kafka, OneKeyIsOnePartition) {
  const Cluster cluster(7);
  EXPECT_THAT(made(options_for(cluster))->deliver(batch(20), {}).outcomes, Each(kIsDelivered));
  const auto records = cluster.records(7);
  ASSERT_EQ(records.size(), 20U);
  EXPECT_THAT(records, Each(Field(&Record::partition, 2)));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(records[i].headers.at("id"), "id" + std::to_string(i));
}

TEST(Kafka, EveryCompressionIsRead) {
  for (const std::string compression : {"zstd", "lz4", "gzip", "snappy", "none"}) {
    const Cluster cluster;
    KafkaOptions options = options_for(cluster);
    options.compression = compression;
    const std::string body(10'000, 'x');
    EXPECT_THAT(made(options)->deliver(std::vector{message(0, body)}, {}).outcomes, Each(kIsDelivered)) << compression;
    EXPECT_THAT(cluster.records(), ElementsAre(Field(&Record::value, body))) << compression;
  }
}

struct Answer {
  const char* name;
  std::vector<rd_kafka_resp_err_t> errors;
  Fate fate;
  const char* reason;
};

void PrintTo(const Answer& row, std::ostream* out) { *out << row.name; }

class Answers : public testing::TestWithParam<Answer> {};

TEST_P(Answers, DecideTheFate) {
  Cluster cluster;
  const auto kafka = made(options_for(cluster));
  EXPECT_THAT(kafka->deliver(batch(1), {}).outcomes, Each(kIsDelivered));
  cluster.fail_next(kProduce, GetParam().errors);
  const auto delivery = kafka->deliver(batch(1, 1), {});
  EXPECT_THAT(delivery.outcomes,
              ElementsAre(AllOf(Field(&Outcome::fate, GetParam().fate), because(HasSubstr(GetParam().reason)))));
  cluster.heal(kProduce);
  // Whatever it was, the next batch goes.
  EXPECT_THAT(kafka->deliver(batch(3, 2), {}).outcomes, Each(kIsDelivered));
  const auto found = counts(cluster.records());
  for (const char* id : {"id0", "id2", "id3", "id4"}) EXPECT_EQ(found.count(id), 1U) << id;
  EXPECT_EQ(found.count("id1"), GetParam().fate == Fate::kDelivered ? 1U : 0U);
}

INSTANTIATE_TEST_SUITE_P(
    , Answers,
    testing::Values(Answer{"Replicas", std::vector(3, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS), Fate::kDelivered, ""},
                    Answer{"TimeOut", {RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT}, Fate::kDelivered, ""},
                    Answer{"NotLeader", {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION}, Fate::kDelivered, ""},
                    Answer{"Disconnected", {RD_KAFKA_RESP_ERR__TRANSPORT}, Fate::kDelivered, ""},
                    Answer{"TooLarge",
                           {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE},
                           Fate::kRejected,
                           "MSG_SIZE_TOO_LARGE: Broker: Message size too large"},
                    Answer{"ListTooLarge", {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE}, Fate::kRejected, "RECORD_LIST_TOO_LARGE"},
                    Answer{"InvalidRecord", {RD_KAFKA_RESP_ERR_INVALID_RECORD}, Fate::kRejected, "INVALID_RECORD"},
                    Answer{"InvalidTime", {RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP}, Fate::kRejected, "INVALID_TIMESTAMP"},
                    Answer{"Topic",
                           {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED},
                           Fate::kRetry,
                           "TOPIC_AUTHORIZATION_FAILED: Broker: Topic authorization failed"},
                    Answer{"ClusterAuthorization",
                           {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED},
                           Fate::kRetry,
                           "CLUSTER_AUTHORIZATION_FAILED"},
                    Answer{
                        "Codec", {RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE}, Fate::kRetry, "UNSUPPORTED_COMPRESSION_TYPE"},
                    Answer{"Fatal",
                           {RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER},
                           Fate::kRetry,
                           "the producer gave up, a new one is made: "}),
    [](const auto& row) { return row.param.name; });

TEST(Kafka, AProducerThatIsNotLetInIsMadeAnew) {
  Cluster cluster;
  cluster.fail_next(kInitProducerId, std::vector(3, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED));
  const auto kafka = made(options_for(cluster));
  EXPECT_THAT(kafka->deliver(batch(2), {}).outcomes, Each(AllOf(kIsRetry, because(HasSubstr("CLUSTER_AUTHORIZATION_FAILED")))));
  cluster.heal(kInitProducerId);
  EXPECT_THAT(kafka->deliver(batch(2), {}).outcomes, Each(kIsDelivered));
  EXPECT_THAT(counts(cluster.records()), (std::map<std::string, int>{{"id0", 1}, {"id1", 1}}));
}

TEST(Kafka, WhatIsRefusedInCompanyIsTriedInHalves) {
  Cluster cluster;
  const auto kafka = made(options_for(cluster));
  cluster.fail_next(kProduce, {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});  // all eight
  EXPECT_THAT(kafka->deliver(batch(8), {}).outcomes, Each(kIsDelivered));
  const auto records = cluster.records();
  ASSERT_EQ(records.size(), 8U);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(records[i].headers.at("id"), "id" + std::to_string(i));
  // All eight, the first four, the first two, the first one: only that one was refused alone.
  cluster.fail_next(kProduce, std::vector(4, RD_KAFKA_RESP_ERR_INVALID_RECORD));
  const auto outcomes = kafka->deliver(batch(8, 8), {}).outcomes;
  EXPECT_THAT(outcomes[0], kIsRejected);
  EXPECT_THAT(std::span(outcomes).subspan(1), Each(kIsDelivered));
  EXPECT_EQ(cluster.records().size(), 15U);
}

TEST(Kafka, AMessageTooLargeIsRejectedAlone) {
  const Cluster cluster;
  auto messages = batch(3);
  messages[1].body.assign(2'000'000, 'x');
  EXPECT_THAT(made(options_for(cluster))->deliver(messages, {}).outcomes,
              ElementsAre(kIsDelivered, AllOf(kIsRejected, because(HasSubstr("MSG_SIZE_TOO_LARGE"))), kIsDelivered));
}

TEST(Kafka, AFullQueueLeavesTheRestForLater) {
  const Cluster cluster;
  KafkaOptions options = options_for(cluster);
  options.librdkafka["queue.buffering.max.messages"] = "5";
  const auto outcomes = made(options)->deliver(batch(8), {}).outcomes;
  EXPECT_THAT(std::span(outcomes).first(5), Each(kIsDelivered));
  EXPECT_THAT(std::span(outcomes).subspan(5), Each(AllOf(kIsRetry, because(HasSubstr("QUEUE_FULL")))));
}

TEST(Kafka, ABrokerThatIsDownIsSaidAndForgotten) {
  Cluster cluster;
  KafkaOptions options = options_for(cluster);
  options.message_timeout = 1500ms;
  const auto kafka = made(options);
  EXPECT_THAT(kafka->deliver(batch(1), {}).outcomes, Each(kIsDelivered));
  cluster.down();
  EXPECT_THAT(kafka->deliver(batch(5, 1), {}).outcomes,
              Each(AllOf(kIsRetry, because(HasSubstr("_MSG_TIMED_OUT")), because(HasSubstr("Connect")))));
  cluster.up();
  EXPECT_THAT(kafka->deliver(batch(3, 6), {}).outcomes, Each(kIsDelivered));
  // Nothing of the batch that was given back was sent on the side.
  EXPECT_THAT(counts(cluster.records()), (std::map<std::string, int>{{"id0", 1}, {"id6", 1}, {"id7", 1}, {"id8", 1}}));
}

TEST(Kafka, ABrokerThatComesBackInTimeCostsNothing) {
  Cluster cluster;
  const auto kafka = made(options_for(cluster));
  EXPECT_THAT(kafka->deliver(batch(1), {}).outcomes, Each(kIsDelivered));
  cluster.down();
  std::jthread healer([&] {
    std::this_thread::sleep_for(500ms);
    cluster.up();
  });
  EXPECT_THAT(kafka->deliver(batch(50, 1), {}).outcomes, Each(kIsDelivered));
  const auto records = cluster.records();
  ASSERT_EQ(records.size(), 51U);
  for (int i = 0; i < 51; ++i) EXPECT_EQ(records[i].headers.at("id"), "id" + std::to_string(i));
}

// The answer to an attempt that was given up comes during the next ones, which are about other messages.
TEST(Kafka, ALateAnswerIsNotTakenForAnother) {
  Cluster cluster;
  KafkaOptions options = options_for(cluster);
  options.message_timeout = 1200ms;
  const auto kafka = made(options);
  EXPECT_THAT(kafka->deliver(batch(1), {}).outcomes, Each(kIsDelivered));
  cluster.answer_after(2500);
  EXPECT_THAT(kafka->deliver(batch(4, 1), {}).outcomes, Each(kIsRetry));
  for (int i = 0; i < 3; ++i) EXPECT_THAT(kafka->deliver(batch(1, 10 + i), {}).outcomes, ElementsAre(kIsRetry));
  cluster.answer_after(0);
  EXPECT_THAT(kafka->deliver(batch(4, 1), {}).outcomes, AllOf(testing::SizeIs(4), Each(kIsDelivered)));
  const auto found = counts(cluster.records());
  for (const char* id : {"id1", "id2", "id3", "id4"}) EXPECT_GE(found.contains(id) ? found.at(id) : 0, 1) << id;
}

TEST(Kafka, StopEndsTheWait) {
  Cluster cluster;
  KafkaOptions options = options_for(cluster);
  options.message_timeout = 60s;
  auto kafka = made(options);
  cluster.down();
  std::stop_source stop;
  Clock::time_point asked;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(700ms);
    asked = Clock::now();
    stop.request_stop();
  });
  const auto delivery = kafka->deliver(batch(5), stop.get_token());
  const auto delivered = Clock::now();
  kafka.reset();
  stopper.join();
  EXPECT_THAT(delivery.outcomes, Each(AllOf(kIsRetry, because("stopped before the broker's answer"))));
  const auto milliseconds = [&](Clock::time_point end) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(end - asked).count();
  };
  std::printf("after stop: deliver %ld ms, destroyed %ld ms\n", milliseconds(delivered), milliseconds(Clock::now()));
  EXPECT_LT(milliseconds(Clock::now()), 20'000);  // and not the minute of its own
}

TEST(Kafka, NothingIsNothing) {
  const Cluster cluster;
  EXPECT_THAT(made(options_for(cluster))->deliver({}, {}).outcomes, IsEmpty());
}

struct Wrong {
  const char* name;
  KafkaOptions options;
  Code code;
  const char* message;
};

void PrintTo(const Wrong& row, std::ostream* out) { *out << row.name; }

class Wrongs : public testing::TestWithParam<Wrong> {};

TEST_P(Wrongs, AreSaidAtOnce) {
  const auto kafka = make_kafka(GetParam().options);
  ASSERT_FALSE(kafka.has_value());
  EXPECT_EQ(kafka.error().code, GetParam().code);
  EXPECT_THAT(kafka.error().message, AllOf(HasSubstr(GetParam().message), Not(HasSubstr("hunter2"))));
}

template <class Change>
Wrong wrong(const char* name, const char* message, Change change, Code code = Code::kInvalid) {
  return {name, options_of("127.0.0.1:1", change), code, message};
}
Wrong wrong_property(const char* name, const char* property, const char* value, const char* message) {
  return wrong(name, message, [&](auto& o) {
    o.sasl_password = "hunter2";
    o.librdkafka = {{property, value}};
  });
}

INSTANTIATE_TEST_SUITE_P(
    , Wrongs,
    testing::Values(wrong_property("Unknown", "linger.seconds", "5",
                                   "kafka: librdkafka: linger.seconds: librdkafka 2.0.2 has no such property"),
                    wrong_property("Value", "linger.ms", "soon", "kafka: librdkafka: linger.ms: "),
                    wrong_property("SecretAsValue", "linger.ms", "hunter2", "kafka: librdkafka: linger.ms: "),
                    wrong("SecretInPem",
                          "kafka: ", [](auto& o) { o.security_protocol = "ssl", o.librdkafka = {{"ssl.key.pem", "hunter2"}}; }),
                    wrong_property("Acks", "acks", "1", "kafka: librdkafka: acks: not here: "),
                    wrong_property("Time", "message.timeout.ms", "0", "use message_timeout"),
                    wrong_property("AgainstIdempotence", "max.in.flight", "100", "max.in.flight"),
                    wrong("Key", "kafka: key: 'pod' is not one of host, rule", [](auto& o) { o.key = "pod"; }),
                    wrong("NoTopic", "kafka: topic: ", [](auto& o) { o.topic.clear(); }),
                    wrong("NoBrokers", "kafka: brokers: ", [](auto& o) { o.brokers.clear(); }),
                    wrong("Compression", "compression.codec", [](auto& o) { o.compression = "zip"; }),
                    wrong("NoUser", "needs sasl_mechanism and sasl_username", [](auto& o) { o.security_protocol = "sasl_ssl"; }),
                    wrong(
                        "NoSuchCa", "kafka: tls.ca_file: open /nowhere/ca.pem: No such file",
                        [](auto& o) { o.security_protocol = "ssl", o.tls.ca_file = "/nowhere/ca.pem"; }, Code::kSystem),
                    wrong(
                        "ServerName", "tls.server_name", [](auto& o) { o.tls.server_name = "k"; }, Code::kUnsupported)),
    [](const auto& row) { return row.param.name; });

TEST(Kafka, DescribesItselfWithoutSecrets) {
  const auto kafka = made(options_of("127.0.0.1:1,127.0.0.1:2", [](auto& o) {
    o.security_protocol = "sasl_plaintext";
    o.sasl_mechanism = "SCRAM-SHA-512";
    o.sasl_username = "shrike";
    o.sasl_password = "hunter2";
    o.tls.enabled = true;
  }));
  EXPECT_EQ(kafka->describe(), "kafka+sasl_ssl://127.0.0.1:1,127.0.0.1:2/alerts");
}

}  // namespace
}  // namespace shrike::outputs
