// SPDX-License-Identifier: Apache-2.0
// Client sends one HTTP request at a time by libcurl and keeps its connection for the next.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/result.h"
#include "outputs/options.h"

namespace shrike::outputs::http {

using Header = std::pair<std::string, std::string>;

struct Request {
  std::string url;
  std::string method = "POST";
  std::vector<Header> headers;  // HttpOptions' own headers win over these
  std::string body;
};

struct Reply {
  int status = 0;
  std::string phrase;  // "Too Many Requests"
  std::string body;    // at most kReplyMax bytes
  bool cut = false;    // there was more
  std::optional<std::chrono::milliseconds> retry_after;
};

constexpr std::size_t kReplyMax = std::size_t{4} << 20U;

class Client {
 public:
  // Errors: kInvalid, kSystem.
  static Result<std::unique_ptr<Client>> make(const HttpOptions& options);

  // Any whole answer is a Reply, also 500. Errors (kSystem): there was none: "Connection refused", "timed out", "stopped".
  Result<Reply> send(const Request& request, std::chrono::milliseconds timeout, const std::stop_token& stop);

  // The text for people: one line, no more than 300 bytes, no byte that is not printable ASCII, none of the options' secrets.
  std::string clean(std::string_view text) const;

  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// "https", "siem.example:8088" (no user), "/a/b", "x=1".
struct Url {
  std::string scheme, host, port, path, query;
  std::string user;  // "user:password@" or empty
  std::string text() const;
};
// Errors: kInvalid; the URL is not repeated, it may hold a password.
Result<Url> parse_url(const std::string& text);

// As Content-Encoding has it.
std::string gzip(std::string_view bytes);

}  // namespace shrike::outputs::http
