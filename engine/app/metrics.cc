// SPDX-License-Identifier: Apache-2.0
#include "engine/app/metrics.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <thread>
#include <utility>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "engine/app/http_pool.h"
#include "engine/base/handle.h"

namespace shrike::app {
namespace {

constexpr std::size_t kThreads = 4;
constexpr int kClientSeconds = 2;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

std::optional<SocketAddress> to_socket_address(const std::string& host, std::uint16_t port) {
  SocketAddress address;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    address.size = sizeof(v4);
    std::memcpy(&address.storage, &v4, sizeof(v4));
    return address;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) != 1) return std::nullopt;
  address.size = sizeof(v6);
  std::memcpy(&address.storage, &v6, sizeof(v6));
  return address;
}

}  // namespace

std::optional<ListenAddress> parse_listen(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  ListenAddress address;
  address.host = text.substr(0, colon);
  const bool bracketed = address.host.starts_with('[') && address.host.ends_with(']');
  if (bracketed) address.host = address.host.substr(1, address.host.size() - 2);
  if ((address.host.find(':') != std::string::npos) != bracketed) return std::nullopt;
  const char* end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data() + colon + 1, end, address.port);
  if (error != std::errc() || last != end || address.port == 0 || !to_socket_address(address.host, address.port))
    return std::nullopt;
  address.loopback = address.host == "::1" || address.host.starts_with("127.");
  return address;
}

struct MetricsServer::State : httplib::Server {
  State(UniqueFd listening, Parts from) : socket(std::move(listening)), parts(std::move(from)) {
    new_task_queue = [] { return new HttpPool(kThreads); };  // httplib deletes it
    set_keep_alive_max_count(1);
    set_read_timeout(kClientSeconds);
    set_write_timeout(kClientSeconds);
    set_payload_max_length(1U << 12U);
    Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
      auto text = parts.metrics();
      response.status = text ? 200 : 503;
      response.set_content(text ? *text : text.error().message + '\n',
                           text ? "text/plain; version=0.0.4; charset=utf-8" : "text/plain; charset=utf-8");
    });
    Get("/healthz", [this](const httplib::Request&, httplib::Response& response) {
      const auto why = parts.ailing();
      response.status = why ? 503 : 200;
      response.set_content(why ? *why + '\n' : "ok\n", "text/plain; charset=utf-8");
    });
    svr_sock_ = fcntl(socket.get(), F_DUPFD_CLOEXEC, 0);  // httplib closes it
    thread = std::thread([this] { listen_after_bind(); });
  }
  ~State() override {
    shutdown(socket.get(), SHUT_RDWR);
    thread.join();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  UniqueFd socket;
  Parts parts;
  std::thread thread;
};

MetricsServer::MetricsServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
MetricsServer::~MetricsServer() = default;

Result<std::unique_ptr<MetricsServer>> MetricsServer::open(const ListenAddress& address, Parts parts) {
  const auto to = to_socket_address(address.host, address.port);
  if (!to) return fail(Code::kInvalid, "metrics.listen: " + address.host + " is no address");
  const std::string what = "metrics.listen " + address.host + " port " + std::to_string(address.port);
  UniqueFd socket(::socket(to->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return std::unexpected(system_error(what, errno));
  const int yes = 1;
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&to->storage), to->size) != 0 || listen(socket.get(), SOMAXCONN) != 0)
    return std::unexpected(system_error(what, errno));
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::make_unique<State>(std::move(socket), std::move(parts))));
}

}  // namespace shrike::app
