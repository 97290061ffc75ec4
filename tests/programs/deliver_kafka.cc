// SPDX-License-Identifier: Apache-2.0
// Drives the Kafka destination for tests and for figures.
//
//   deliver_kafka OPTIONS_JSON               messages as JSON lines on standard input, one line per message on standard output
//   deliver_kafka OPTIONS_JSON --rate COUNT  makes COUNT messages itself and prints how fast they went
//   deliver_kafka --mock                     librdkafka's mock cluster until standard input ends; prints its address
//
// Options are KafkaOptions' fields, plus `batch` (messages per deliver) and `rounds` (how often what is to be tried again is, one
// second apart). As the sink does, a batch is tried until nothing of it is left before the next one begins.
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/base/handle.h"
#include "outputs/kafka.h"

namespace {

using namespace shrike;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

outputs::KafkaOptions options_of(const json& given) {
  outputs::KafkaOptions options;
  options.brokers = given.at("brokers");
  options.topic = given.at("topic");
  options.key = given.value("key", options.key);
  options.compression = given.value("compression", options.compression);
  options.security_protocol = given.value("security_protocol", options.security_protocol);
  options.sasl_mechanism = given.value("sasl_mechanism", "");
  options.sasl_username = given.value("sasl_username", "");
  options.sasl_password = given.value("sasl_password", "");
  options.tls.ca_file = given.value("ca_file", "");
  options.tls.cert_file = given.value("cert_file", "");
  options.tls.key_file = given.value("key_file", "");
  options.tls.insecure = given.value("insecure", false);
  options.message_timeout = std::chrono::milliseconds(given.value("message_timeout_ms", 30'000));
  options.librdkafka = given.value("librdkafka", std::map<std::string, std::string>());
  return options;
}

outputs::Message message_of(const json& given) {
  return {.id = given.at("id"),
          .time_ns = given.value("time_ns", std::uint64_t{1'700'000'000'000'000'000}),
          .priority = given.value("priority", std::uint8_t{4}),
          .rule = given.value("rule", "R"),
          .source = given.value("source", "syscall"),
          .host = given.value("host", "n1"),
          .subject = given.value("subject", "host"),
          .body = given.at("body")};
}

std::string_view name_of(outputs::Fate fate) {
  if (fate == outputs::Fate::kDelivered) return "delivered";
  return fate == outputs::Fate::kRetry ? "retry" : "rejected";
}

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// One batch, tried up to `rounds` times; a line for what became of each message in the end.
void deliver(outputs::Destination& kafka, std::vector<outputs::Message> messages, int rounds) {
  for (int round = 1; !messages.empty(); ++round) {
    const auto start = Clock::now();
    const auto outcomes = kafka.deliver(messages, {}).outcomes;
    if (outcomes.size() != messages.size()) std::exit(3);
    const double took = milliseconds_since(start);
    std::vector<outputs::Message> left;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      if (outcomes[i].fate == outputs::Fate::kRetry && round < rounds) {
        left.push_back(messages[i]);
      } else {
        std::cout << json{{"id", messages[i].id},
                          {"fate", name_of(outcomes[i].fate)},
                          {"reason", outcomes[i].reason},
                          {"round", round},
                          {"ms", took}}
                  << '\n';
      }
    }
    std::cout.flush();
    messages = std::move(left);
    if (!messages.empty()) std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

void rate(outputs::Destination& kafka, std::size_t batch, std::size_t count) {
  std::vector<outputs::Message> messages(batch);
  for (auto& message : messages) {
    message = message_of({{"id", "018bcfe5-0000-7000-8000-000000000000"}, {"body", ""}});
    // What an alert looks like to a compressor: much the same, and some digits.
    for (int i = 0; message.body.size() < 800; ++i)
      message.body += R"("field.name.)" + std::to_string(i) + R"(":")" + std::to_string(rand()) + "\",";
  }
  kafka.deliver(std::span(messages).first(1), {});
  std::vector<double> took;
  std::size_t lost = 0;
  const auto start = Clock::now();
  for (std::size_t sent = 0; sent < count; sent += batch) {
    const auto begin = Clock::now();
    for (const auto& outcome : kafka.deliver(messages, {}).outcomes) lost += outcome.fate != outputs::Fate::kDelivered;
    took.push_back(milliseconds_since(begin));
  }
  const double seconds = milliseconds_since(start) / 1000;
  std::ranges::sort(took);
  std::printf("batch %5zu: %8.0f alerts/s, deliver p50 %.2f ms, p99 %.2f ms, not delivered %zu\n", batch,
              static_cast<double>(took.size() * batch) / seconds, took[took.size() / 2], took[took.size() * 99 / 100], lost);
}

int mock() {
  std::array<char, 512> text{};
  const std::unique_ptr<rd_kafka_t, Destroyer<rd_kafka_destroy>> owner(
      rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text.data(), text.size()));
  const std::unique_ptr<rd_kafka_mock_cluster_t, Destroyer<rd_kafka_mock_cluster_destroy>> cluster(
      rd_kafka_mock_cluster_new(owner.get(), 1));
  std::cout << rd_kafka_mock_cluster_bootstraps(cluster.get()) << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty()) return 2;
  if (arguments[0] == "--mock") return mock();
  const json given = json::parse(arguments[0]);
  auto kafka = outputs::make_kafka(options_of(given));
  if (!kafka) {
    std::cerr << kafka.error().message << '\n';
    return 1;
  }
  std::cerr << (*kafka)->describe() << '\n';
  const std::size_t batch = given.value("batch", std::size_t{500});
  if (arguments.size() == 3 && arguments[1] == "--rate") {
    rate(**kafka, batch, std::stoul(arguments[2]));
    return 0;
  }
  std::vector<outputs::Message> messages;
  for (std::string line; std::getline(std::cin, line);) {
    messages.push_back(message_of(json::parse(line)));
    if (messages.size() == batch) deliver(**kafka, std::exchange(messages, {}), given.value("rounds", 1));
  }
  deliver(**kafka, std::move(messages), given.value("rounds", 1));
  const auto end = Clock::now();
  kafka->reset();
  std::cerr << "destroyed in " << milliseconds_since(end) << " ms\n";
  return 0;
}
