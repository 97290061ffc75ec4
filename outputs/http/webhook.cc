// SPDX-License-Identifier: Apache-2.0
// A webhook of any kind: a body by template, signatures after Standard Webhooks.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <nlohmann/json.hpp>

#include "engine/base/base64.h"
#include "outputs/http/protocol.h"

namespace shrike::outputs::http {
namespace {

using nlohmann::json;

// A template is text and places in turn. In one of JSON a place inside a string is escaped for it; elsewhere it is a value.
class Template {
 public:
  static Result<Template> parse(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    Template made;
    made.json_ =
        first != std::string_view::npos && (text[first] == '{' || text[first] == '[') && !text.substr(first).starts_with("{{");
    bool in_string = false;
    while (!text.empty()) {
      const std::size_t open = std::min(text.find("{{"), text.size());
      Part part = {.text = std::string(text.substr(0, open)), .place = {}, .in_string = false};
      for (std::size_t i = 0; i < part.text.size(); ++i) {
        if (in_string && part.text[i] == '\\') {
          ++i;
        } else if (part.text[i] == '"') {
          in_string = !in_string;
        }
      }
      text.remove_prefix(open);
      part.in_string = in_string;
      // {"a":{"b":1}} may begin or end like a place: one is {{name}}.
      if (!text.empty()) {
        const std::size_t close = text.find("}}");
        const std::string_view name = close == std::string_view::npos ? std::string_view() : text.substr(2, close - 2);
        if (std::ranges::find(kPlaces, name) == kPlaces.end()) {
          return fail(Code::kInvalid, "body_template: after {{ stands none of body, id, rule, priority, host, and }}");
        }
        part.place = name;
        text.remove_prefix(close + 2);
      }
      made.parts_.push_back(std::move(part));
    }
    const Message sample = {
        .id = "0", .time_ns = 0, .priority = 0, .rule = "\"", .source = {}, .host = "h", .subject = {}, .body = "{}"};
    if (made.json_ && !json::accept(made.fill(sample)))
      return fail(Code::kInvalid, "body_template: begins like JSON, but is none when filled in");
    return made;
  }

  bool is_json() const { return json_; }

  std::string fill(const Message& message) const {
    std::string out;
    for (const Part& part : parts_) {
      out += part.text;
      if (part.place.empty()) continue;
      const std::string value = of(message, part.place);
      const bool whole = part.place == "priority" || (part.place == "body" && json::accept(message.body));
      if (json_ && part.in_string) {
        const std::string safe = json_text(value);
        out.append(safe, 1, safe.size() - 2);
      } else {
        out += json_ && !whole ? json_text(value) : value;
      }
    }
    return out;
  }

 private:
  static constexpr std::array<std::string_view, 5> kPlaces = {"body", "id", "rule", "priority", "host"};
  struct Part {
    std::string text;
    std::string place;  // after the text; empty: none
    bool in_string;
  };

  static std::string of(const Message& message, std::string_view place) {
    if (place == "body") return message.body;
    if (place == "id") return message.id;
    if (place == "rule") return message.rule;
    if (place == "host") return message.host;
    return std::to_string(message.priority);
  }

  std::vector<Part> parts_;
  bool json_ = false;
};

class Webhook final : public Protocol {
 public:
  Webhook(std::optional<Template> form, bool many) : form_(std::move(form)), many_(many) {}

  std::string content_type(Batch batch) const override {
    const bool is_json = form_ ? form_->is_json() : batch.front().message->body.starts_with('{');
    if (!is_json) return "text/plain; charset=utf-8";
    return many_ ? "application/x-ndjson" : "application/json";
  }

  std::string body(Batch batch) const override {
    std::string out;
    for (const Item& item : batch) {
      out += form_ ? form_->fill(*item.message) : item.message->body;
      if (many_) out += '\n';
    }
    return out;
  }

 private:
  std::optional<Template> form_;
  bool many_;
};

}  // namespace

Result<std::unique_ptr<Protocol>> make_webhook(const HttpOptions& options) {
  std::optional<Template> form;
  if (!options.body_template.empty()) {
    const std::size_t last = options.body_template.find_last_not_of("\r\n");
    if (options.batch_messages > 1 && options.body_template.find('\n') < last) {
      return fail(Code::kInvalid, "body_template: has line breaks, which with batch_messages over 1 end a message");
    }
    form = TRY(Template::parse(options.body_template));
  }
  return std::make_unique<Webhook>(std::move(form), options.batch_messages > 1);
}

Result<Signer> Signer::make(std::string_view secrets) {
  constexpr std::string_view kPrefix = "whsec_";
  Signer signer;
  while (!secrets.empty()) {
    const std::size_t end = std::min(secrets.find_first_of(" \t\r\n"), secrets.size());
    std::string_view one = secrets.substr(0, end);
    secrets.remove_prefix(std::min(end + 1, secrets.size()));
    if (one.empty()) continue;
    if (one.starts_with(kPrefix)) one.remove_prefix(kPrefix.size());
    std::string key(decoded_size_max(one), '\0');
    const std::optional<std::size_t> size = decode_base64(one, key);
    if (!size || *size == 0) return fail(Code::kInvalid, "signing_secret: is not whsec_ and base64");
    key.resize(*size);
    signer.keys_.push_back(std::move(key));
  }
  if (signer.keys_.empty()) return fail(Code::kInvalid, "signing_secret: is blank");
  return signer;
}

void Signer::sign(const std::string& id, std::string_view body, std::vector<Header>& headers) const {
  const std::string time = std::to_string(std::time(nullptr));
  const std::string text = id + "." + time + "." + std::string(body);
  std::string signatures;
  for (const std::string& key : keys_) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         digest.data(), &size);
    if (!signatures.empty()) signatures += ' ';
    signatures += "v1," + encode_base64({reinterpret_cast<const char*>(digest.data()), size});
  }
  headers.emplace_back("webhook-id", id);
  headers.emplace_back("webhook-timestamp", time);
  headers.emplace_back("webhook-signature", signatures);
}

}  // namespace shrike::outputs::http
