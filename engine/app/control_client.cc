// SPDX-License-Identifier: Apache-2.0
#include "engine/app/control_client.h"

#include <httplib.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>

#include "engine/app/config.h"
#include "engine/base/handle.h"
#include "outputs/format.h"

namespace shrike::app {
namespace {

using nlohmann::json;

constexpr std::time_t kAnswerSeconds = 120;  // a reload takes as long as rules take to compile
constexpr std::time_t kSilenceSeconds = 60;  // a stream says something every 10 s
constexpr int kUnavailable = 503;

httplib::Client connect(const std::string& path, std::time_t read_seconds) {
  httplib::Client client(path);
  client.set_address_family(AF_UNIX);
  client.set_read_timeout(read_seconds);
  return client;
}

Result<Answer> to_answer(int status, const std::string& text) {
  json body = json::parse(text, nullptr, false);
  if (!body.is_object())
    return fail(Code::kCorrupt, "the control socket answered with something that is no answer of a shrike daemon");
  return Answer{status, std::move(body)};
}

}  // namespace

ControlClient::ControlClient(const Options& options) : path_(options.control_socket.value_or(kDefaultControlSocket)) {}

// Why nobody answers, by trying once more.
Error ControlClient::unreachable() const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof(address.sun_path)) return {Code::kInvalid, path_ + ": too long for the path of a socket"};
  std::memcpy(address.sun_path, path_.data(), path_.size());
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const bool connected = connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  if (connected) return {Code::kSystem, path_ + ": the daemon does not answer"};
  Error error = system_error("control socket " + path_, errno);
  if (error.sys_errno == ENOENT || error.sys_errno == ECONNREFUSED)
    error.message += ": does a daemon run? `shrike run`, or --control-socket";
  if (error.sys_errno == EACCES) error.message += ": it is for root";
  return error;
}

Result<Answer> ControlClient::get(const std::string& what) const {
  auto client = connect(path_, kAnswerSeconds);
  const auto answer = client.Get("/v1/" + what);
  return answer ? to_answer(answer->status, answer->body) : std::unexpected(unreachable());
}

Result<Answer> ControlClient::post(const std::string& what, const Parameters& parameters) const {
  auto client = connect(path_, kAnswerSeconds);
  const auto answer = client.Post(httplib::append_query_params("/v1/" + what, parameters));
  return answer ? to_answer(answer->status, answer->body) : std::unexpected(unreachable());
}

Result<Answer> ControlClient::stream(const std::string& what, const Parameters& parameters,
                                     const std::function<bool(std::string_view)>& line) const {
  auto client = connect(path_, kSilenceSeconds);
  int status = 0;
  bool ended = false;  // by us
  std::string rest;
  const auto answer = client.Get(
      httplib::append_query_params("/v1/" + what, parameters), httplib::Headers(),
      [&](const httplib::Response& response) {
        status = response.status;
        return true;
      },
      [&](const char* data, std::size_t size) {
        rest.append(data, size);
        if (status != 200) return true;
        std::size_t begin = 0;
        for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', begin)) {
          const std::string_view one(rest.data() + begin, end - begin);
          begin = end + 1;
          if (one.empty() || line(one)) continue;
          ended = true;
          return false;
        }
        rest.erase(0, begin);
        return true;
      });
  if (status != 0 && status != 200) return to_answer(status, rest);
  if (ended || answer) return Answer{200, {{"ok", true}}};
  if (status == 200) return fail(Code::kSystem, path_ + ": the daemon is gone");
  return std::unexpected(unreachable());
}

std::uint64_t number(const json& from, const char* key) {
  const json& one = part(from, key);
  return one.is_number_unsigned() ? one.get<std::uint64_t>() : 0;
}

const json& part(const json& from, const char* key) {
  static const json kEmpty = json::object();
  const auto found = from.is_object() ? from.find(key) : from.end();
  return from.is_object() && found != from.end() ? *found : kEmpty;
}

std::string printable(std::string_view text) { return outputs::escape(text); }

int conclude(const Result<Answer>& answer, bool json) {
  if (!answer) {
    std::fprintf(stderr, "shrike: error: %s\n", answer.error().message.c_str());
    return kCouldNotRun;
  }
  const bool ok = answer->status == 200;
  if (json) {
    std::puts(answer->body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  } else {
    for (const auto& one : part(answer->body, "diagnostics"))
      std::fprintf(stderr, "%s\n", one.value("text", "").c_str());  // made harmless by who wrote it
    const std::string message = printable(answer->body.value("message", ok ? "done" : "no"));
    std::fprintf(ok ? stdout : stderr, "%s%s\n", ok ? "" : "shrike: error: ", message.c_str());
  }
  return ok ? kDone : answer->status == kUnavailable ? kCouldNotRun : kNo;
}

}  // namespace shrike::app
