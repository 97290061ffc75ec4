// SPDX-License-Identifier: Apache-2.0
// http_driver makes a destination of the options in the first line of its standard input (JSON, HttpOptions' names) and delivers
// what each further line holds: {"messages":[{"id":…,"body":…}],"stop_after_ms":N} or {"repeat":N,"messages":[…]}. A line of
// outcomes answers each.
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "outputs/http/http.h"

using nlohmann::json;
using namespace shrike::outputs;

namespace {

HttpOptions options_of(const json& given) {
  HttpOptions made;
  const std::vector<std::string> kinds = {"webhook", "splunk", "elasticsearch", "loki", "otlp", "alertmanager", "cloudevents"};
  const std::string kind = given.value("kind", "webhook");
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == kind) made.kind = static_cast<HttpKind>(i);
  }
  made.url = given.value("url", "");
  made.method = given.value("method", "POST");
  const json headers = given.value("headers", json::object());
  for (const auto& [name, value] : headers.items()) made.headers.emplace_back(name, value);
  made.body_template = given.value("body_template", "");
  made.gzip = given.value("gzip", false);
  made.user = given.value("user", "");
  made.password = given.value("password", "");
  made.bearer = given.value("bearer", "");
  made.splunk_token = given.value("splunk_token", "");
  made.splunk_ack = given.value("splunk_ack", false);
  made.index = given.value("index", made.index);
  made.signing_secret = given.value("signing_secret", "");
  made.proxy = given.value("proxy", "");
  const json tls = given.value("tls", json::object());
  made.tls.ca_file = tls.value("ca_file", "");
  made.tls.cert_file = tls.value("cert_file", "");
  made.tls.key_file = tls.value("key_file", "");
  made.tls.server_name = tls.value("server_name", "");
  made.tls.insecure = tls.value("insecure", false);
  made.batch_messages = given.value("batch_messages", std::size_t{0});
  made.timeout = milliseconds(given.value("timeout_ms", 15'000));
  return made;
}

}  // namespace

int main() {
  std::string line;
  std::getline(std::cin, line);
  auto made = make_http(options_of(json::parse(line)));
  if (!made) {
    std::cout << json{{"error", made.error().message}} << std::endl;
    return 0;
  }
  std::cout << json{{"describe", (*made)->describe()}, {"limit", (*made)->limits().messages}} << std::endl;
  while (std::getline(std::cin, line)) {
    const json order = json::parse(line);
    std::vector<Message> messages;
    for (const json& one : order["messages"]) {
      Message message;
      message.id = one.value("id", "id");
      message.priority = one.value("priority", std::uint8_t{3});
      message.rule = one.value("rule", "rule");
      message.host = one.value("host", "host");
      message.body = one.value("body", "{}");
      messages.push_back(std::move(message));
    }
    std::stop_source stop;
    std::jthread stopper;
    if (const int after = order.value("stop_after_ms", 0); after != 0) {
      stopper = std::jthread([&stop, after] {
        std::this_thread::sleep_for(milliseconds(after));
        stop.request_stop();
      });
    }
    const auto start = std::chrono::steady_clock::now();
    Delivery delivery;
    for (int i = order.value("repeat", 1); i > 0; --i) delivery = (*made)->deliver(messages, stop.get_token());
    const auto took = std::chrono::steady_clock::now() - start;
    json outcomes = json::array();
    for (const Outcome& outcome : delivery.outcomes) {
      const char* const fates[] = {"delivered", "retry", "rejected"};
      outcomes.push_back({fates[static_cast<int>(outcome.fate)], outcome.reason});
    }
    json answer = {{"outcomes", outcomes}, {"ms", std::chrono::duration_cast<milliseconds>(took).count()}};
    if (delivery.retry_after) answer["retry_after"] = delivery.retry_after->count();
    std::cout << answer << std::endl;
  }
  return 0;
}
