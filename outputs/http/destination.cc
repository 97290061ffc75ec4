// SPDX-License-Identifier: Apache-2.0
// HttpDestination delivers by a Protocol: a batch that is refused for what is in it is sent again in halves until the messages at
// fault are found; all within one time-out.
#include <algorithm>
#include <array>
#include <deque>

#include "outputs/http/http.h"
#include "outputs/http/protocol.h"

namespace shrike::outputs {
namespace http {

void set_all(Batch batch, Fate fate, const std::string& reason) {
  for (const Item& item : batch) *item.outcome = {fate, reason};
}

Fate fate_of(int status) {
  if (status >= 200 && status < 300) return Fate::kDelivered;
  constexpr std::array kAgain = {401, 403, 407, 408, 425, 429};
  if (status < 400 || status >= 500 || std::ranges::find(kAgain, status) != kAgain.end()) return Fate::kRetry;
  return Fate::kRejected;
}

namespace {

using Clock = std::chrono::steady_clock;

class HttpDestination final : public Destination {
 public:
  HttpDestination(HttpOptions options, Url url, std::unique_ptr<Client> client, std::unique_ptr<Protocol> protocol,
                  std::optional<Signer> signer)
      : options_(std::move(options)),
        url_(std::move(url)),
        client_(std::move(client)),
        protocol_(std::move(protocol)),
        signer_(std::move(signer)) {}

  Limits limits() const override {
    return {options_.batch_messages != 0 ? options_.batch_messages : protocol_->batch(), options_.batch_bytes};
  }

  Delivery deliver(std::span<const Message> messages, std::stop_token stop) override {
    Delivery delivery = Delivery::all(messages.size(), Fate::kRetry, "not tried");
    const auto deadline = Clock::now() + options_.timeout;
    std::vector<Item> all;
    for (std::size_t i = 0; i < messages.size(); ++i) {
      Item item = {&messages[i], &delivery.outcomes[i]};
      if (std::optional<std::string> why = protocol_->unfit(messages[i])) {
        *item.outcome = {Fate::kRejected, std::move(*why)};
      } else {
        all.push_back(item);
      }
    }
    if (all.empty()) return delivery;
    const Protocol::Send send = [&](const Request& request) { return client_->send(request, left(deadline), stop); };
    settle(protocol_->begin(all), send, delivery);
    protocol_->finish(all, send, *client_, stop);
    return delivery;
  }

  // The path of a webhook may be its password: "https://hooks.example/services/T0/B0/SECRET".
  std::string describe() const override {
    const bool path = options_.kind != HttpKind::kWebhook && options_.kind != HttpKind::kCloudEvents;
    const bool usual = url_.port == (url_.scheme == "https" ? "443" : "80");
    return url_.scheme + "://" + url_.host + (usual ? "" : ":" + url_.port) + (path ? url_.path : url_.path == "/" ? "/" : "/…");
  }

 private:
  static std::chrono::milliseconds left(Clock::time_point deadline) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  }

  Request request(Batch batch) const {
    Request request = {.url = url_.text(),
                       .method = options_.kind == HttpKind::kWebhook ? options_.method : "POST",
                       .headers = {},
                       .body = protocol_->body(batch)};
    request.headers.emplace_back("Content-Type", protocol_->content_type(batch));
    if (!options_.bearer.empty()) request.headers.emplace_back("Authorization", "Bearer " + options_.bearer);
    protocol_->add_headers(batch, request.body, request.headers);
    if (signer_) {
      std::string id = batch.front().message->id;
      if (batch.size() > 1) id += "+" + std::to_string(batch.size() - 1);
      signer_->sign(id, request.body, request.headers);
    }
    return request;
  }

  std::string reason(const Reply& reply) const {
    std::string text = std::to_string(reply.status) + " " + reply.phrase;
    if (reply.status == 410) return text + ": the receiver wants no more messages at this URL";
    if (reply.status >= 300 && reply.status < 400) return text + ": redirects are not followed; set url to where it leads";
    if (!reply.body.empty()) text += ": " + reply.body.substr(0, 1024);
    return client_->clean(text);
  }

  void settle(std::vector<Item> first, const Protocol::Send& send, Delivery& delivery) const {
    std::deque<std::vector<Item>> work;
    if (!first.empty()) work.push_back(std::move(first));
    while (!work.empty()) {
      const std::vector<Item> batch = std::move(work.front());
      work.pop_front();
      const Result<Reply> reply = send(request(batch));
      Fate fate = Fate::kRetry;
      std::string why;
      if (!reply) {
        why = reply.error().message;
      } else {
        if (reply->retry_after)
          delivery.retry_after = std::max(delivery.retry_after.value_or(std::chrono::milliseconds(0)), *reply->retry_after);
        if (reply->status >= 200 && reply->status < 300) {
          protocol_->accepted(batch, *reply, *client_);
          continue;
        }
        fate = protocol_->fate(reply->status);
        why = reason(*reply);
        const bool content = reply->status == 400 || reply->status == 413 || reply->status == 422;
        if (fate == Fate::kRejected && content && batch.size() > 1) {
          split(batch, *reply, why, work);
          continue;
        }
      }
      set_all(batch, fate, why);
      if (fate != Fate::kRetry) continue;
      // It takes nothing now; the rest need not try.
      for (const std::vector<Item>& other : work) set_all(other, Fate::kRetry, why);
      return;
    }
  }

  void split(const std::vector<Item>& batch, const Reply& reply, const std::string& why,
             std::deque<std::vector<Item>>& work) const {
    std::vector<Item> rest = batch;
    if (const std::optional<std::size_t> culprit = protocol_->culprit(batch, reply); culprit && *culprit < batch.size()) {
      *batch[*culprit].outcome = {Fate::kRejected, why};
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(*culprit));
      work.push_front(std::move(rest));
      return;
    }
    const auto middle = rest.begin() + static_cast<std::ptrdiff_t>(rest.size() / 2);
    work.emplace_front(middle, rest.end());
    work.emplace_front(rest.begin(), middle);
  }

  HttpOptions options_;
  Url url_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Protocol> protocol_;
  std::optional<Signer> signer_;
};

Result<std::unique_ptr<Protocol>> make_protocol(const HttpOptions& options) {
  switch (options.kind) {
    case HttpKind::kWebhook:
      return make_webhook(options);
    case HttpKind::kSplunk:
      return make_splunk(options);
    case HttpKind::kElasticsearch:
      return make_elasticsearch(options);
    case HttpKind::kLoki:
      return make_loki();
    case HttpKind::kOtlp:
      return make_otlp();
    case HttpKind::kAlertmanager:
      return make_alertmanager();
    case HttpKind::kCloudEvents:
      return make_cloudevents(options);
  }
  return fail(Code::kInvalid, "unknown kind");
}

}  // namespace
}  // namespace http

Result<std::unique_ptr<Destination>> make_http(HttpOptions options) {
  http::Url url = TRY(http::parse_url(options.url));
  std::unique_ptr<http::Protocol> protocol = TRY(http::make_protocol(options));
  if ((url.path.empty() || url.path == "/") && !protocol->path().empty()) url.path = protocol->path();
  if (url.query.empty()) url.query = protocol->query();
  std::optional<http::Signer> signer;
  if (!options.signing_secret.empty()) signer = TRY(http::Signer::make(options.signing_secret));
  std::unique_ptr<http::Client> client = TRY(http::Client::make(options));
  return std::make_unique<http::HttpDestination>(std::move(options), std::move(url), std::move(client), std::move(protocol),
                                                 std::move(signer));
}

}  // namespace shrike::outputs
