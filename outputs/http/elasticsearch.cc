// SPDX-License-Identifier: Apache-2.0
// The _bulk API of Elasticsearch, OpenSearch and those that speak it. Documents are created under the alert's id: one that is
// there already (409) was delivered before.
#include <nlohmann/json.hpp>

#include "outputs/http/protocol.h"

namespace shrike::outputs::http {
namespace {

using nlohmann::json;

class Elasticsearch final : public Protocol {
 public:
  explicit Elasticsearch(const std::string& index) : index_(json_text(index)) {}
  std::string_view path() const override { return "/_bulk"; }
  std::string_view query() const override { return "filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason"; }
  std::size_t batch() const override { return 500; }
  std::string content_type(Batch /*batch*/) const override { return "application/x-ndjson"; }

  std::string body(Batch batch) const override {
    std::string out;
    for (const Item& item : batch) {
      out += R"({"create":{"_index":)" + index_ + R"(,"_id":)" + json_text(item.message->id) + "}}\n" + item.message->body + "\n";
    }
    return out;
  }

  void accepted(Batch batch, const Reply& reply, const Client& client) override {
    const json answer = reply.cut ? json() : json::parse(reply.body, nullptr, false);
    const auto items = answer.is_object() ? answer.find("items") : answer.end();
    const std::size_t count = answer.is_object() && items != answer.end() && items->is_array() ? items->size() : 0;
    if (count != batch.size()) {
      set_all(batch, Fate::kRetry,
              std::to_string(reply.status) + ", but the answer tells of " + std::to_string(count) + " documents of " +
                  std::to_string(batch.size()) + (reply.cut ? ": it is too long" : ""));
      return;
    }
    for (std::size_t i = 0; i < batch.size(); ++i) *batch[i].outcome = outcome((*items)[i], client);
  }

 private:
  static Outcome outcome(const json& item, const Client& client) {
    const json nothing = json::object();
    const json& result = item.is_object() && !item.empty() && item.begin()->is_object() ? *item.begin() : nothing;
    const auto status = result.find("status");
    if (status == result.end() || !status->is_number_integer()) return {Fate::kRetry, "the answer has no status of the document"};
    const int code = status->get<int>();
    if (code == 409 || (code >= 200 && code < 300)) return {Fate::kDelivered, {}};
    std::string why = "document " + std::to_string(code);
    if (const auto error = result.find("error"); error != result.end() && error->is_object()) {
      for (const char* key : {"type", "reason"}) {
        if (const auto text = error->find(key); text != error->end() && text->is_string()) why += ": " + text->get<std::string>();
      }
    }
    return {fate_of(code), client.clean(why)};
  }

  std::string index_;
};

}  // namespace

std::unique_ptr<Protocol> make_elasticsearch(const HttpOptions& options) {
  return std::make_unique<Elasticsearch>(options.index);
}

}  // namespace shrike::outputs::http
