// SPDX-License-Identifier: Apache-2.0
#include "outputs/syslog.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <deque>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "outputs/stream.h"
#include "outputs/syslog_record.h"
#include "outputs/wait.h"

namespace shrike::outputs {
namespace {

constexpr std::size_t kBatchMessages = 256;
constexpr std::size_t kBatchBytes = 256 << 10;

std::string said(const std::string& what, int error) {
  const char* known = wait_error(error);
  return known != nullptr ? what + ": " + known : system_error(what, error).message;
}

SyslogHeader header_of(const SyslogOptions& options) {
  const bool local =
      options.transport == SyslogTransport::kUnix &&
      (options.format == SyslogFormat::kRfc3164 || options.path == "/dev/log" || options.path == "/run/systemd/journal/dev-log");
  if (local) return SyslogHeader::kLocal;
  return options.format == SyslogFormat::kRfc5424 ? SyslogHeader::kRfc5424 : SyslogHeader::kRfc3164;
}

class Syslog : public Destination {
 public:
  Syslog(SyslogOptions options, bool structured) : options_(std::move(options)), structured_(structured) {}
  Limits limits() const override { return {kBatchMessages, kBatchBytes}; }
  std::uint64_t truncated() const override { return truncated_; }

 protected:
  SyslogRecord record(const Message& message) const {
    return make_syslog_record(options_, header_of(options_), structured_, getpid(), message);
  }
  const SyslogOptions& options() const { return options_; }
  void count(bool truncated) { truncated_ += truncated ? 1 : 0; }

 private:
  const SyslogOptions options_;
  const bool structured_;
  std::atomic<std::uint64_t> truncated_ = 0;
};

// TCP, TLS and unix streams.
class StreamSyslog final : public Syslog {
 public:
  using Syslog::Syslog;

  std::string describe() const override {
    if (options().transport == SyslogTransport::kUnix) return "syslog " + options().path;
    return (options().tls.enabled ? "syslog tls://" : "syslog tcp://") + options().host + ':' + std::to_string(options().port);
  }
  void reopen() override { drop(false); }

  Delivery deliver(std::span<const Message> messages, std::stop_token stop) override {
    const Wait wait(options().timeout, std::move(stop));
    if (stream_) {
      std::string why;
      if (const auto peer = stream_->look(why); peer != Stream::Peer::kThere) drop(peer == Stream::Peer::kBroken);
    }
    if (messages.empty() && again_.empty()) return {};
    if (!stream_) {
      auto stream = options().transport == SyslogTransport::kUnix
                        ? Stream::connect_unix(options().path, wait)
                        : Stream::connect(options().host, options().port, options().tls, options().timeout, wait);
      if (!stream) return Delivery::all(messages.size(), Fate::kRetry, stream.error().message);
      stream_ = std::move(*stream);
      fresh_ = true;
    }
    return send(messages, wait);
  }

 private:
  struct Sent {
    std::string frame;
    std::uint64_t end = 0;  // in the stream's count
    bool truncated = false;
  };

  Delivery send(std::span<const Message> messages, const Wait& wait) {
    std::vector<Sent> batch;
    batch.reserve(again_.size() + messages.size());
    for (const std::string& frame : again_) batch.push_back({frame, 0, false});
    const std::size_t old = batch.size();
    for (const Message& message : messages) {
      SyslogRecord made = record(message);
      batch.push_back({frame(made.bytes), 0, made.truncated});
    }

    std::string why;
    std::size_t written = 0;
    while (written < batch.size() && why.empty()) {
      static constexpr std::size_t kChunk = 16 << 10;
      std::string chunk;
      std::size_t next = written;
      while (next < batch.size() && (chunk.empty() || chunk.size() + batch[next].frame.size() <= kChunk)) {
        chunk += batch[next++].frame;
      }
      if (const auto done = stream_->write(chunk, wait); !done) {
        why = done.error().message;
        break;
      }
      for (; written < next; ++written) batch[written].end = stream_->sent();
    }
    const bool cut = written < batch.size();
    Stream::Peer peer = settle(cut, why, wait);
    const std::uint64_t has = stream_->acknowledged();
    if (peer == Stream::Peer::kThere && !cut) peer = stream_->look(why);
    // A connection that ends before it has proved itself has delivered nothing: a proxy without a server, a client refused.
    const bool useless = peer == Stream::Peer::kBroken || (fresh_ && peer != Stream::Peer::kThere);

    Delivery delivery;
    std::deque<std::string> left;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const bool arrived = i < written && !useless && batch[i].end <= has;
      if (i >= old) {
        delivery.outcomes.push_back(arrived ? Outcome{Fate::kDelivered, {}} : Outcome{Fate::kRetry, why});
        if (arrived) count(batch[i].truncated);
      }
      if (arrived) {
        keep(std::move(batch[i].frame));
      } else if (i < old) {
        left.push_back(std::move(batch[i].frame));
      }
    }
    again_ = std::move(left);
    // What timed out is in this connection's queue and would come late: it is given up with it.
    if (cut || useless || peer != Stream::Peer::kThere || (has < stream_->sent() && wait.over() != ECANCELED)) {
      drop(useless || cut || peer == Stream::Peer::kBroken || has < stream_->sent());
    } else {
      fresh_ = false;
    }
    return delivery;
  }

  // Waits until all that was written is acknowledged; a new connection must also live for a moment.
  Stream::Peer settle(bool cut, std::string& why, const Wait& wait) {
    static constexpr milliseconds kProbation{250};
    static constexpr int kLongestMs = 8;
    const Wait trial = wait.at_most(kProbation);
    int pause_ms = 0;
    while (!cut) {
      std::string reason;
      const bool all = stream_->acknowledged() >= stream_->sent();
      if (const auto peer = stream_->look(reason); peer != Stream::Peer::kThere) {
        why = reason;
        return peer;
      }
      if (all && (!fresh_ || trial.over() == ETIMEDOUT)) return Stream::Peer::kThere;
      if (const int over = wait.over(); over != 0) {
        if (!all || over == ECANCELED) why = said("acknowledgement of " + describe(), over);
        // A wish to stop within the trial: not known.
        return over == ECANCELED && fresh_ ? Stream::Peer::kClosed : Stream::Peer::kThere;
      }
      // Nothing tells when the queue is empty; mostly it is at once.
      if (pause_ms == 0) {
        usleep(100);
        pause_ms = 1;
      } else {
        (void)wait.at_most(milliseconds{pause_ms}).until(stream_->fd(), POLLIN);
        pause_ms = std::min(pause_ms * 2, kLongestMs);
      }
    }
    return Stream::Peer::kThere;
  }

  std::string frame(const std::string& record) const {
    const bool counted = options().transport == SyslogTransport::kTcp &&
                         (options().tls.enabled || options().framing == SyslogFraming::kOctetCounted);
    return counted ? std::to_string(record.size()) + ' ' + record : record + '\n';
  }

  void keep(std::string frame) {
    static constexpr std::size_t kKept = std::size_t{1} << 20U;
    kept_bytes_ += frame.size();
    kept_.push_back(std::move(frame));
    while (kept_bytes_ > kKept) {
      kept_bytes_ -= kept_.front().size();
      kept_.pop_front();
    }
  }

  void drop(bool unread) {
    if (unread) again_.insert(again_.begin(), std::make_move_iterator(kept_.begin()), std::make_move_iterator(kept_.end()));
    kept_.clear();
    kept_bytes_ = 0;
    stream_.reset();
  }

  std::unique_ptr<Stream> stream_;
  bool fresh_ = false;            // nothing has been delivered over it yet
  std::deque<std::string> kept_;  // the last frames the other side's kernel has
  std::size_t kept_bytes_ = 0;
  std::deque<std::string> again_;  // of a broken connection, perhaps not read
};

// UDP and unix datagrams.
class DatagramSyslog final : public Syslog {
 public:
  using Syslog::Syslog;

  std::string describe() const override {
    if (is_unix()) return "syslog " + options().path;
    return "syslog udp://" + options().host + ':' + std::to_string(options().port);
  }
  void reopen() override { fd_.reset(); }

  Delivery deliver(std::span<const Message> messages, std::stop_token stop) override {
    const Wait wait(options().timeout, std::move(stop));
    Delivery delivery = Delivery::all(messages.size(), Fate::kRetry);
    std::string why;
    if (!fd_) {
      if (const auto made = open(); !made) return Delivery::all(messages.size(), Fate::kRetry, made.error().message);
    }
    (void)pending_error();  // of what an earlier batch sent
    std::vector<bool> cut(messages.size());
    std::size_t sent = 0;
    for (; sent < messages.size(); ++sent) {
      const SyslogRecord made = record(messages[sent]);
      cut[sent] = made.truncated;
      int error = put(made.bytes, wait);
      // The first after a start or a failure waits for a refusal: a dead receiver is noticed before much is lost.
      if (error == 0 && doubtful_ && !is_unix()) {
        static constexpr milliseconds kDoubt{200};
        error = wait.at_most(kDoubt).until(fd_.get(), 0) == 0 ? pending_error() : wait.over();
        if (error == 0) doubtful_ = false;
      }
      if (error == EMSGSIZE) {
        delivery.outcomes[sent] = {Fate::kRejected, std::to_string(made.bytes.size()) + " bytes are more than a datagram to " +
                                                        describe() + " takes: lower max_bytes"};
        continue;
      }
      if (error != 0) {
        why = said("send to " + describe(), error);
        break;
      }
      delivery.outcomes[sent].fate = Fate::kDelivered;
    }
    if (const int error = why.empty() ? pending_error() : 0; error != 0) {
      why = said("send to " + describe(), error);
      // Which of them was refused is not known.
      for (Outcome& outcome : delivery.outcomes) {
        if (outcome.fate == Fate::kDelivered) outcome.fate = Fate::kRetry;
      }
    }
    for (std::size_t i = 0; i < messages.size(); ++i) {
      if (delivery.outcomes[i].fate == Fate::kDelivered) count(cut[i]);
      if (delivery.outcomes[i].fate == Fate::kRetry) delivery.outcomes[i].reason = why;
    }
    if (!why.empty()) {
      fd_.reset();
      doubtful_ = true;
    }
    return delivery;
  }

 private:
  bool is_unix() const { return options().transport == SyslogTransport::kUnix; }

  int pending_error() const {
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
  }

  int put(const std::string& record, const Wait& wait) const {
    while (true) {
      if (::send(fd_.get(), record.data(), record.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return 0;
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return errno;
      if (const int why = wait.until(fd_.get(), POLLOUT); why != 0) return why;
    }
  }

  Result<void> open() {
    if (is_unix()) {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      options().path.copy(static_cast<char*>(address.sun_path), sizeof(address.sun_path) - 1);
      return connect(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    }
    addrinfo hints{};
    hints.ai_socktype = SOCK_DGRAM;
    hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (const int error = getaddrinfo(options().host.c_str(), std::to_string(options().port).c_str(), &hints, &found);
        error != 0) {
      return fail(Code::kNotFound, "look up " + options().host + ": " + gai_strerror(error));
    }
    const std::unique_ptr<addrinfo, Destroyer<freeaddrinfo>> addresses(found);
    return connect(addresses->ai_family, addresses->ai_addr, addresses->ai_addrlen);
  }

  Result<void> connect(int family, const sockaddr* address, socklen_t length) {
    UniqueFd fd(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd) return std::unexpected(system_error("socket", errno));
    const int buffer = static_cast<int>(std::max<std::uint32_t>(options().max_bytes * 2, 256U << 10U));
    setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    if (::connect(fd.get(), address, length) != 0) return std::unexpected(system_error("connect to " + describe(), errno));
    fd_ = std::move(fd);
    return {};
  }

  UniqueFd fd_;
  bool doubtful_ = true;
};

// A unix socket is of one kind or the other; which, shows when it is there.
class UnixSyslog final : public Destination {
 public:
  UnixSyslog(const SyslogOptions& options, bool structured) : datagram_(options, structured), stream_(options, structured) {}
  Limits limits() const override { return datagram_.limits(); }
  std::uint64_t truncated() const override { return datagram_.truncated() + stream_.truncated(); }
  std::string describe() const override { return datagram_.describe(); }
  void reopen() override {
    datagram_.reopen();
    stream_.reopen();
  }
  Delivery deliver(std::span<const Message> messages, std::stop_token stop) override {
    Delivery delivery = streams_ ? stream_.deliver(messages, stop) : datagram_.deliver(messages, stop);
    static const std::string kWrongKind = std::generic_category().message(EPROTOTYPE);
    if (messages.empty() || !delivery.outcomes[0].reason.ends_with(kWrongKind)) return delivery;
    streams_ = !streams_;
    return streams_ ? stream_.deliver(messages, std::move(stop)) : datagram_.deliver(messages, std::move(stop));
  }

 private:
  DatagramSyslog datagram_;
  StreamSyslog stream_;
  bool streams_ = false;
};

}  // namespace

Result<std::unique_ptr<Destination>> make_syslog(const SyslogOptions& options, bool body_has_structured_data) {
  static constexpr std::uint32_t kLeast = 480;        // what every receiver takes
  static constexpr std::uint32_t kDatagram = 65'507;  // the most of UDP over IPv4
  static constexpr std::size_t kUnixPath = 107;
  if (options.max_bytes < kLeast) return fail(Code::kInvalid, "max_bytes: 480 at least");
  if (options.facility > 23) return fail(Code::kInvalid, "facility: 0 to 23");
  if (options.tls.enabled && options.transport != SyslogTransport::kTcp) return fail(Code::kInvalid, "TLS goes over TCP only");
  if (options.transport != SyslogTransport::kUnix && options.host.empty()) return fail(Code::kInvalid, "host is missing");
  if (options.tls.enabled) TRY(Stream::check(options.tls));
  switch (options.transport) {
    case SyslogTransport::kUnix:
      if (options.path.empty() || options.path.size() > kUnixPath) return fail(Code::kInvalid, "path: 1 to 107 bytes");
      return std::make_unique<UnixSyslog>(options, body_has_structured_data);
    case SyslogTransport::kUdp:
      if (options.max_bytes > kDatagram) return fail(Code::kInvalid, "max_bytes: at most 65507 over UDP");
      return std::make_unique<DatagramSyslog>(options, body_has_structured_data);
    case SyslogTransport::kTcp:
      break;
  }
  return std::make_unique<StreamSyslog>(options, body_has_structured_data);
}

}  // namespace shrike::outputs
