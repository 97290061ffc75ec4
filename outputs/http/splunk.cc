// SPDX-License-Identifier: Apache-2.0
// Splunk's HTTP event collector. With acknowledgement a message is delivered when an indexer has it on disk; one that waits for
// that is asked about again at the next attempt before it is sent again.
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "outputs/http/protocol.h"

namespace shrike::outputs::http {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kCollector = "/services/collector";
constexpr auto kAckLife = std::chrono::minutes(5);  // that the collector remembers
constexpr auto kPollFirst = std::chrono::milliseconds(100), kPollMost = std::chrono::milliseconds(2'000);

Result<std::string> random_guid() {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return fail(Code::kSystem, "no random numbers");
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string guid;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) guid += '-';
    guid += kHex[bytes[i] >> 4U];
    guid += kHex[bytes[i] & 15U];
  }
  return guid;
}

class Splunk final : public Protocol {
 public:
  Splunk(const HttpOptions& options, std::string channel, std::string ack_url)
      : token_(options.splunk_token), ack_(options.splunk_ack), channel_(std::move(channel)), ack_url_(std::move(ack_url)) {}

  std::string_view path() const override { return "/services/collector/event"; }
  std::size_t batch() const override { return 500; }
  std::string content_type(Batch /*batch*/) const override { return "application/json"; }
  std::string body(Batch batch) const override { return join(batch, "\n"); }
  void add_headers(Batch /*batch*/, const std::string& /*body*/, std::vector<Header>& headers) const override {
    identify(headers);
  }

  std::optional<std::size_t> culprit(Batch /*batch*/, const Reply& reply) const override {
    const json answer = json::parse(reply.body, nullptr, false);
    const auto at = answer.is_object() ? answer.find("invalid-event-number") : answer.end();
    if (!answer.is_object() || at == answer.end() || !at->is_number_unsigned()) return std::nullopt;
    return at->get<std::size_t>();
  }

  void accepted(Batch batch, const Reply& reply, const Client& client) override {
    const json answer = json::parse(reply.body, nullptr, false);
    const auto code = answer.is_object() ? answer.find("code") : answer.end();
    if (!answer.is_object() || code == answer.end() || !code->is_number_integer() || code->get<int>() != 0) {
      set_all(batch, Fate::kRetry, client.clean("200, but no success of an event collector: " + reply.body.substr(0, 1024)));
      return;
    }
    if (!ack_) return set_all(batch, Fate::kDelivered, {});
    const auto id = answer.find("ackId");
    if (id == answer.end() || !id->is_number_unsigned()) {
      set_all(batch, Fate::kRetry,
              "taken, but the token has indexer acknowledgement off: turn it on there, or splunk_ack off here");
      return;
    }
    set_all(batch, Fate::kRetry, kOpen);
    for (const Item& item : batch) open_[item.message->id] = {id->get<std::uint64_t>(), Clock::now()};
  }

  std::vector<Item> begin(Batch batch) override {
    std::vector<Item> unsent;
    decltype(open_) still;
    for (const Item& item : batch) {
      const auto at = open_.find(item.message->id);
      if (at == open_.end() || Clock::now() - at->second.since > kAckLife) {
        unsent.push_back(item);
      } else {
        still.insert(*at);
        *item.outcome = {Fate::kRetry, kOpen};
      }
    }
    open_ = std::move(still);
    return unsent;
  }

  void finish(Batch batch, const Send& send, const Client& client, const std::stop_token& stop) override {
    std::set<std::uint64_t> acks;
    for (const auto& [id, open] : open_) acks.insert(open.ack);
    std::mutex mutex;
    std::condition_variable_any clock;
    for (auto pause = kPollFirst; !acks.empty(); pause = std::min(2 * pause, kPollMost)) {
      Request request = {.url = ack_url_, .method = "POST", .headers = {}, .body = json{{"acks", acks}}.dump()};
      request.headers.emplace_back("Content-Type", "application/json");
      identify(request.headers);
      const Result<Reply> reply = send(request);
      if (!reply || reply->status != 200) {
        const std::string why = reply ? std::to_string(reply->status) + " " + reply->body.substr(0, 1024) : reply.error().message;
        for (const Item& item : batch) {
          if (item.outcome->reason == kOpen) item.outcome->reason = client.clean(std::string(kOpen) + ": " + why);
        }
        return;
      }
      const json answer = json::parse(reply->body, nullptr, false);
      const json known = answer.is_object() ? answer.value("acks", json::object()) : json::object();
      for (const Item& item : batch) {
        const auto at = open_.find(item.message->id);
        if (at == open_.end()) continue;
        const auto told = known.find(std::to_string(at->second.ack));
        if (told == known.end() || !told->is_boolean() || !told->get<bool>()) continue;
        acks.erase(at->second.ack);
        open_.erase(at);
        *item.outcome = {Fate::kDelivered, {}};
      }
      if (acks.empty()) return;
      std::unique_lock lock(mutex);
      clock.wait_for(lock, stop, pause, [] { return false; });
    }
  }

 private:
  static constexpr const char* kOpen = "taken, but not yet acknowledged by an indexer";
  struct Open {
    std::uint64_t ack;
    Clock::time_point since;
  };

  void identify(std::vector<Header>& headers) const {
    headers.emplace_back("Authorization", "Splunk " + token_);
    headers.emplace_back("X-Splunk-Request-Channel", channel_);
  }

  std::string token_;
  bool ack_;
  std::string channel_;
  std::string ack_url_;
  std::map<std::string, Open> open_;  // by the message's id; of the last delivery only
};

}  // namespace

Result<std::unique_ptr<Protocol>> make_splunk(const HttpOptions& options) {
  std::string channel = TRY(random_guid());
  Url url = TRY(parse_url(options.url));
  const std::size_t collector = url.path.find(kCollector);
  if (collector == std::string::npos && options.splunk_ack && url.path != "/" && !url.path.empty()) {
    return fail(Code::kInvalid, "url: with splunk_ack its path has /services/collector/event in it, or is left out");
  }
  url.path = (collector == std::string::npos ? "" : url.path.substr(0, collector)) + std::string(kCollector) + "/ack";
  url.query = "channel=" + channel;
  return std::make_unique<Splunk>(options, std::move(channel), url.text());
}

}  // namespace shrike::outputs::http
