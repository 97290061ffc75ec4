// SPDX-License-Identifier: Apache-2.0
// The APIs that take our records inside a wrapper of JSON and say little in return.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "outputs/http/protocol.h"

namespace shrike::outputs::http {

using nlohmann::json;

std::string join(Batch batch, std::string_view between) {
  std::string out;
  for (const Item& item : batch) {
    if (!out.empty()) out += between;
    out += item.message->body;
  }
  return out;
}

std::string json_text(std::string_view text) { return json(text).dump(-1, ' ', false, json::error_handler_t::replace); }

namespace {

class Loki final : public Protocol {
 public:
  std::string_view path() const override { return "/loki/api/v1/push"; }
  std::size_t batch() const override { return 500; }
  std::string content_type(Batch /*batch*/) const override { return "application/json"; }

  std::optional<std::string> unfit(const Message& message) const override {
    if (stream(message)) return std::nullopt;
    return "the body is no stream of Loki's push API; encoding: loki makes one";
  }

  // One stream per set of labels, its lines by time.
  std::string body(Batch batch) const override {
    std::map<std::string, json> streams;
    for (const Item& item : batch) {
      json one = *stream(*item.message);
      json& all =
          streams.try_emplace(one["stream"].dump(), json{{"stream", one["stream"]}, {"values", json::array()}}).first->second;
      for (json& value : one["values"]) all["values"].push_back(std::move(value));
    }
    json list = json::array();
    for (auto& [labels, one] : streams) {
      auto& values = one["values"].get_ref<json::array_t&>();
      // Decimal texts of nanoseconds: the longer is the later.
      std::ranges::sort(values, [](const json& a, const json& b) {
        const auto& x = a[0].get_ref<const std::string&>();
        const auto& y = b[0].get_ref<const std::string&>();
        return x.size() != y.size() ? x.size() < y.size() : x < y;
      });
      list.push_back(std::move(one));
    }
    return json{{"streams", std::move(list)}}.dump(-1, ' ', false, json::error_handler_t::replace);
  }

 private:
  static std::optional<json> stream(const Message& message) {
    json one = json::parse(message.body, nullptr, false);
    if (!one.is_object() || !one.contains("stream") || !one.contains("values")) return std::nullopt;
    const json& values = one["values"];
    const auto line = [](const json& value) { return value.is_array() && value.size() >= 2 && value[0].is_string(); };
    if (!one["stream"].is_object() || !values.is_array() || !std::ranges::all_of(values, line)) return std::nullopt;
    return one;
  }
};

class Otlp final : public Protocol {
 public:
  std::string_view path() const override { return "/v1/logs"; }
  std::size_t batch() const override { return 512; }
  std::string content_type(Batch /*batch*/) const override { return "application/json"; }

  // One resource per host.
  std::string body(Batch batch) const override {
    std::map<std::string, std::string> hosts;
    for (const Item& item : batch) {
      std::string& records = hosts[item.message->host];
      if (!records.empty()) records += ',';
      records += item.message->body;
    }
    std::string out;
    for (const auto& [host, records] : hosts) {
      out += out.empty() ? R"({"resourceLogs":[)" : ",";
      out += R"({"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shrike"}},)"
             R"({"key":"host.name","value":{"stringValue":)" +
             json_text(host) +
             R"(}},{"key":"os.type","value":{"stringValue":"linux"}}]},"scopeLogs":[{"scope":{"name":"shrike"},"logRecords":[)" +
             records + "]}]}";
    }
    return out + "]}";
  }

  // The specification: no other 5xx may be repeated.
  Fate fate(int status) const override {
    if (status >= 500 && status != 502 && status != 503 && status != 504) return Fate::kRejected;
    return fate_of(status);
  }

  // It does not say which were refused, and repeating is forbidden: none of the batch may be taken for delivered.
  void accepted(Batch batch, const Reply& reply, const Client& client) override {
    const json answer = json::parse(reply.body, nullptr, false);
    set_all(batch, Fate::kDelivered, {});
    if (!answer.is_object() || !answer.contains("partialSuccess") || !answer["partialSuccess"].is_object()) return;
    const json& part = answer["partialSuccess"];
    const auto count = part.find("rejectedLogRecords");
    if (count == part.end()) return;
    const std::string refused = count->is_string() ? count->get<std::string>() : count->dump();
    if (refused == "0" || refused.empty()) return;
    const auto said = part.find("errorMessage");
    const std::string why = said != part.end() && said->is_string() ? said->get<std::string>() : "no reason given";
    set_all(batch, Fate::kRejected,
            client.clean(refused + " of " + std::to_string(batch.size()) + " log records refused, it is not said which: " + why));
  }
};

class Alertmanager final : public Protocol {
 public:
  std::string_view path() const override { return "/api/v2/alerts"; }
  std::size_t batch() const override { return 64; }
  std::string content_type(Batch /*batch*/) const override { return "application/json"; }
  std::string body(Batch batch) const override { return "[" + join(batch, ",") + "]"; }
};

class CloudEvents final : public Protocol {
 public:
  explicit CloudEvents(bool many) : many_(many) {}
  std::string content_type(Batch /*batch*/) const override {
    return many_ ? "application/cloudevents-batch+json" : "application/cloudevents+json; charset=utf-8";
  }
  std::string body(Batch batch) const override { return many_ ? "[" + join(batch, ",") + "]" : batch.front().message->body; }

 private:
  bool many_;
};

}  // namespace

std::unique_ptr<Protocol> make_loki() { return std::make_unique<Loki>(); }
std::unique_ptr<Protocol> make_otlp() { return std::make_unique<Otlp>(); }
std::unique_ptr<Protocol> make_alertmanager() { return std::make_unique<Alertmanager>(); }
std::unique_ptr<Protocol> make_cloudevents(const HttpOptions& options) {
  return std::make_unique<CloudEvents>(options.batch_messages > 1);
}

}  // namespace shrike::outputs::http
