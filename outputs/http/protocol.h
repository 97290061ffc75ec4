// SPDX-License-Identifier: Apache-2.0
// Protocol is what one API wants of a request and what its answers say of the messages in it. The order of attempts is the
// destination's (outputs/http/destination.cc).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "outputs/destination.h"
#include "outputs/http/client.h"

namespace shrike::outputs::http {

struct Item {
  const Message* message;
  Outcome* outcome;
};
using Batch = std::span<const Item>;

void set_all(Batch batch, Fate fate, const std::string& reason);

// What an HTTP status says of a message. 401, 403 and 407 are the operator's to mend: nothing is lost meanwhile.
Fate fate_of(int status);

class Protocol {
 public:
  using Send = std::function<Result<Reply>(const Request&)>;

  virtual ~Protocol() = default;
  virtual std::string_view path() const { return {}; }  // of the API, for a URL that has none
  virtual std::string_view query() const { return {}; }
  virtual std::size_t batch() const { return 1; }
  virtual std::string content_type(Batch batch) const = 0;
  virtual void add_headers(Batch /*batch*/, const std::string& /*body*/, std::vector<Header>& /*headers*/) const {}
  virtual std::string body(Batch batch) const = 0;
  // Why the message can't be sent at all; nothing for all others.
  virtual std::optional<std::string> unfit(const Message& /*message*/) const { return std::nullopt; }

  virtual Fate fate(int status) const { return fate_of(status); }
  // Of a refusal: which one was it that made it so?
  virtual std::optional<std::size_t> culprit(Batch /*batch*/, const Reply& /*reply*/) const { return std::nullopt; }
  // Of a status 2xx: sets all outcomes.
  virtual void accepted(Batch batch, const Reply& /*reply*/, const Client& /*client*/) { set_all(batch, Fate::kDelivered, {}); }

  // Before a delivery: which of them are to be sent. After it: what is still open, until `stop` or as long as `send` works.
  virtual std::vector<Item> begin(Batch batch) { return {batch.begin(), batch.end()}; }
  virtual void finish(Batch /*batch*/, const Send& /*send*/, const Client& /*client*/, const std::stop_token& /*stop*/) {}
};

// Errors: kInvalid.
Result<std::unique_ptr<Protocol>> make_webhook(const HttpOptions& options);
Result<std::unique_ptr<Protocol>> make_splunk(const HttpOptions& options);
std::unique_ptr<Protocol> make_elasticsearch(const HttpOptions& options);
std::unique_ptr<Protocol> make_loki();
std::unique_ptr<Protocol> make_otlp();
std::unique_ptr<Protocol> make_alertmanager();
std::unique_ptr<Protocol> make_cloudevents(const HttpOptions& options);

// The bodies with `between` between them.
std::string join(Batch batch, std::string_view between);
std::string json_text(std::string_view text);  // as a JSON string

// Standard Webhooks: the headers of a message, signed with each of the secrets.
class Signer {
 public:
  // `secrets`: "whsec_BASE64", several with blanks between. Errors: kInvalid; the secret is not repeated.
  static Result<Signer> make(std::string_view secrets);
  void sign(const std::string& id, std::string_view body, std::vector<Header>& headers) const;

 private:
  std::vector<std::string> keys_;
};

}  // namespace shrike::outputs::http
