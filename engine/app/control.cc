// SPDX-License-Identifier: Apache-2.0
#include "engine/app/control.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/app/http_pool.h"
#include "engine/app/snapshot.h"
#include "engine/lang/rule_file.h"

namespace shrike::app {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kThreads = AlertFeed::kLookersMost + 4;  // so that tails leave some for the rest
constexpr milliseconds kPatience{3'000};                       // for the engine
constexpr int kClientMs = 5'000;                               // a client that takes or says nothing for so long is gone
constexpr milliseconds kLook{250};                             // a tail without alerts looks after its client this often
constexpr std::chrono::seconds kHeartbeat{10};
constexpr int kBad = 400, kForbidden = 403, kUnavailable = 503;

std::string dump(const nlohmann::json& body) {
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

void reply(httplib::Response& response, const Answer& answer) {
  response.status = answer.status;
  response.set_content(dump(answer.body), "application/json");
}

bool wait_for(int fd, short events, int timeout_ms) {
  pollfd one{.fd = fd, .events = events, .revents = 0};
  int ready = 0;
  do {
    ready = poll(&one, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  return ready > 0 && (one.revents & (events | POLLHUP | POLLERR)) != 0;
}

// A client's connection as httplib wants to see it.
class Connection final : public httplib::Stream {
 public:
  explicit Connection(int fd) : fd_(fd) {}

  bool is_readable() const override { return wait_for(fd_, POLLIN, kClientMs); }
  // Is anybody there to write to? Not whether there is room: write() waits for that.
  bool is_writable() const override {
    pollfd one{.fd = fd_, .events = 0, .revents = 0};
    return poll(&one, 1, 0) == 0;
  }
  ssize_t read(char* to, std::size_t size) override {
    if (!wait_for(fd_, POLLIN, kClientMs)) return -1;
    return recv(fd_, to, size, 0);
  }
  ssize_t write(const char* from, std::size_t size) override {
    if (!wait_for(fd_, POLLOUT, kClientMs)) return -1;
    return send(fd_, from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  socket_t socket() const override { return fd_; }

 private:
  int fd_;
};

// Who is at the other end, by the kernel; nothing if it won't say.
std::optional<uid_t> peer_of(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer.uid;
}

// One `shrike tail`.
class Tail {
 public:
  Tail(std::shared_ptr<AlertFeed::Looker> looker, std::unique_ptr<AlertCondition> condition, std::uint8_t priority,
       const outputs::FormatOptions& format)
      : looker_(std::move(looker)), condition_(std::move(condition)), priority_(priority), format_(format) {}

  // The next line, if there is one; false: this is the end.
  bool step(httplib::DataSink& sink) {
    AlertFeed::Next next = looker_->next(kLook);
    std::string lines;
    if (next.lost != 0) lines = loss(next.lost);
    if (next.alert != nullptr && next.alert->priority <= priority_ && (condition_ == nullptr || condition_->holds(*next.alert)))
      lines += outputs::format_alert(*next.alert, format_) + '\n';
    const auto now = std::chrono::steady_clock::now();
    if (lines.empty() && now - spoken_ >= kHeartbeat) lines = "\n";
    if (!lines.empty()) {
      if (!sink.write(lines.data(), lines.size())) return false;
      spoken_ = now;
    }
    if (next.closed) sink.done();
    return next.alert != nullptr || sink.is_writable();
  }

 private:
  // Whether these would have fitted, nobody looked.
  std::string loss(std::uint64_t count) const {
    if (format_.format == outputs::Format::kJson) return dump({{"lost", count}});
    return "-- " + std::to_string(count) + " alerts are not shown: they came faster than they were read\n";
  }

  std::shared_ptr<AlertFeed::Looker> looker_;
  std::unique_ptr<AlertCondition> condition_;
  std::uint8_t priority_;
  outputs::FormatOptions format_;
  std::chrono::steady_clock::time_point spoken_ = std::chrono::steady_clock::now();
};

// The pid in a lock's file, as who holds it wrote it there.
std::string holder(int fd) {
  std::array<char, 16> text{};
  const ssize_t size = pread(fd, text.data(), text.size(), 0);
  std::string pid(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  const bool number = !pid.empty() && pid.find_first_not_of("0123456789") == std::string::npos;
  return number ? "pid " + pid : "of unknown pid";
}

// Held as long as the descriptor: by it a socket's daemon is known to live, even while it starts.
Result<UniqueFd> lock_of(const std::string& path) {
  const std::string name = path + ".lock";
  UniqueFd lock(open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return std::unexpected(system_error("open " + name, errno));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return std::unexpected(system_error("lock " + name, errno));
    return fail(Code::kInvalid, "control socket " + path + ": another shrike daemon, " + holder(lock.get()) + ", has it");
  }
  const std::string pid = std::to_string(getpid());
  if (ftruncate(lock.get(), 0) != 0 || pwrite(lock.get(), pid.data(), pid.size(), 0) < 0)
    return std::unexpected(system_error("write " + name, errno));
  return lock;
}

// Bound and listening, for root alone from the first moment on: it listens only once its mode is set.
Result<UniqueFd> make_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  struct stat status{};
  if (lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode))
      return fail(Code::kInvalid, "control socket " + path + ": there is something else of that name");
    if (unlink(path.c_str()) != 0) return std::unexpected(system_error("remove " + path, errno));
  }
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return std::unexpected(system_error("socket", errno));
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return std::unexpected(system_error("control socket " + path, errno));
  if (chmod(path.c_str(), 0600) != 0) return std::unexpected(system_error("chmod " + path, errno));
  if (listen(fd.get(), SOMAXCONN) != 0) return std::unexpected(system_error("listen " + path, errno));
  return fd;
}

}  // namespace

class ControlSocket::Server final : public httplib::Server {
 public:
  Server(Parts parts, UniqueFd socket) : parts_(std::move(parts)), socket_(std::move(socket)) {
    new_task_queue = [] { return new HttpPool(kThreads); };  // httplib deletes it
    set_payload_max_length(1U << 16U);
    using Request = httplib::Request;
    using Response = httplib::Response;
    const auto verb = [this](const std::function<Answer()>& does) {
      return [this, &does](const Request&, Response& response) { reply(response, parts_.requests.ask(does, kPatience)); };
    };
    Get("/v1/status", verb(parts_.verbs.status));
    Post("/v1/reload", verb(parts_.verbs.reload));
    Post("/v1/confirm", verb(parts_.verbs.confirm));
    Post("/v1/rollback", verb(parts_.verbs.rollback));
    Post("/v1/mode", [this](const Request& request, Response& response) { mode(request, response); });
    Get("/v1/tail", [this](const Request& request, Response& response) { tail(request, response); });
    set_error_handler(Handler([](const Request& request, Response& response) {
      if (response.body.empty())
        reply(response, refusal(response.status, request.method + ' ' + request.path + " is nothing this daemon knows"));
    }));
  }

  ~Server() override { end(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void begin() {
    svr_sock_ = fcntl(socket_.get(), F_DUPFD_CLOEXEC, 0);  // httplib closes it
    thread_ = std::thread([this] { listen_after_bind(); });
  }

  // Nobody is accepted any more. Tails get what waits for them, if they take it; who is in the middle of nothing is let go.
  void end() {
    static constexpr std::chrono::seconds kGrace{1};
    if (!thread_.joinable()) return;
    shutdown(socket_.get(), SHUT_RDWR);
    {
      std::unique_lock lock(mutex_);
      ending_ = true;
      for (const int fd : connections_) shutdown(fd, SHUT_RD);
      none_left_.wait_for(lock, kGrace, [&] { return connections_.empty(); });
      for (const int fd : connections_) shutdown(fd, SHUT_RDWR);
    }
    thread_.join();
  }

 private:
  bool process_and_close_socket(socket_t fd) override {
    const UniqueFd owned(fd);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    Connection connection(fd);
    if (peer_of(fd) != uid_t{0}) {
      const std::string body = dump(refusal(kForbidden, "the control socket is for root").body);
      connection.httplib::Stream::write(
          "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: " +
          std::to_string(body.size()) + "\r\n\r\n" + body);
      return false;
    }
    {
      const std::scoped_lock lock(mutex_);
      if (ending_) return false;
      connections_.insert(fd);
    }
    bool closed = false;
    const bool done = process_request(connection, true, closed, nullptr);
    const std::scoped_lock lock(mutex_);
    connections_.erase(fd);
    if (connections_.empty()) none_left_.notify_all();
    return done;
  }

  void mode(const httplib::Request& request, httplib::Response& response) {
    std::optional<double> within;
    if (request.has_param("confirm_within")) {
      const std::string text = request.get_param_value("confirm_within");
      double seconds = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
      if (error != std::errc() || end != text.data() + text.size() || !(seconds >= 1 && seconds <= 86'400))
        return reply(response, refusal(kBad, "confirm_within is a number of seconds, 1 to 86400"));
      within = seconds;
    }
    reply(response,
          parts_.requests.ask([this, mode = request.get_param_value("mode"), within] { return parts_.verbs.mode(mode, within); },
                              kPatience));
  }

  void tail(const httplib::Request& request, httplib::Response& response) {
    std::uint8_t least = 7;
    if (request.has_param("priority")) {
      const auto priority = lang::parse_priority(request.get_param_value("priority"));
      if (!priority) {
        return reply(response,
                     refusal(kBad, "not a priority: emergency, alert, critical, error, warning, notice, info or debug"));
      }
      least = static_cast<std::uint8_t>(*priority);
    }
    std::unique_ptr<AlertCondition> condition;
    if (request.has_param("condition")) {
      lang::Diagnostics diagnostics;
      condition = AlertCondition::compile(request.get_param_value("condition"), diagnostics);
      if (condition == nullptr) {
        Answer answer = refusal(kBad, "the condition is not valid");
        answer.body["diagnostics"] = to_json(diagnostics);
        return reply(response, answer);
      }
    }
    outputs::FormatOptions format = parts_.format;
    format.format = request.get_param_value("format") == "json" ? outputs::Format::kJson : outputs::Format::kText;
    auto looker = parts_.feed.look();
    if (looker == nullptr) {
      return reply(response, refusal(kUnavailable, "busy: " + std::to_string(AlertFeed::kLookersMost) +
                                                       " clients watch already, which is as many as may"));
    }
    const auto one = std::make_shared<Tail>(std::move(looker), std::move(condition), least, format);
    response.set_chunked_content_provider("application/x-ndjson",
                                          [one](std::size_t, httplib::DataSink& sink) { return one->step(sink); });
  }

  Parts parts_;
  UniqueFd socket_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable none_left_;
  std::set<int> connections_;
  bool ending_ = false;
};

ControlSocket::ControlSocket(std::string path, UniqueFd lock, std::unique_ptr<Server> server)
    : path_(std::move(path)), lock_(std::move(lock)), server_(std::move(server)) {}

Result<std::unique_ptr<ControlSocket>> ControlSocket::open(const std::string& path, Parts parts) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(Code::kLimit, "control socket " + path + ": longer than the " +
                                  std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes a socket's path may have");
  }
  const std::string directory = std::filesystem::path(path).parent_path();
  if (!directory.empty() && mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
    return std::unexpected(system_error("make " + directory, errno));
  UniqueFd lock = TRY(lock_of(path));
  UniqueFd socket = TRY(make_socket(path));
  return std::unique_ptr<ControlSocket>(
      new ControlSocket(path, std::move(lock), std::make_unique<Server>(std::move(parts), std::move(socket))));
}

ControlSocket::~ControlSocket() {
  unlink(path_.c_str());
  server_->end();
}

void ControlSocket::serve() { server_->begin(); }

}  // namespace shrike::app
