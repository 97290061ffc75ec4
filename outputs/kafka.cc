// SPDX-License-Identifier: Apache-2.0
// A producer outlives deliver() only when all reports of its messages are in. Whatever ends the wait earlier (time, `stop`, a
// fatal error) ends the producer too, and with it everything it had queued or sent: no report can come late, and nothing that was
// given back as kRetry is sent behind the caller's back.
#include "outputs/kafka.h"

#include <librdkafka/rdkafka.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <numeric>
#include <string_view>
#include <utility>

#include "engine/base/handle.h"

namespace shrike::outputs {
namespace {

using Clock = std::chrono::steady_clock;
using Conf = std::unique_ptr<rd_kafka_conf_t, Destroyer<rd_kafka_conf_destroy>>;
using Headers = std::unique_ptr<rd_kafka_headers_t, Destroyer<rd_kafka_headers_destroy>>;
using Producer = std::unique_ptr<rd_kafka_t, Destroyer<rd_kafka_destroy>>;
using Indices = std::vector<std::uint32_t>;

constexpr int kSliceMs = 50;                       // how soon `stop` is seen
constexpr std::chrono::milliseconds kGrace{3000};  // librdkafka looks once a second which messages are too old
constexpr std::chrono::milliseconds kStopGrace{250};

// Properties that librdkafka: may not set, and what to do instead. A second way to the same setting would hide the first; the
// others would break what Fate promises.
struct Reserved {
  std::string_view property, instead;
};
constexpr Reserved kReserved[] = {
    {"bootstrap.servers", "use brokers"},
    {"metadata.broker.list", "use brokers"},
    {"compression.codec", "use compression"},
    {"compression.type", "use compression"},
    {"security.protocol", "use security_protocol"},
    {"sasl.mechanism", "use sasl_mechanism"},
    {"sasl.mechanisms", "use sasl_mechanism"},
    {"sasl.username", "use sasl_username"},
    {"sasl.password", "use sasl_password"},
    {"ssl.ca.location", "use tls"},
    {"ssl.certificate.location", "use tls"},
    {"ssl.key.location", "use tls"},
    {"enable.ssl.certificate.verification", "use tls"},
    {"ssl.endpoint.identification.algorithm", "use tls"},
    {"message.timeout.ms", "use message_timeout"},
    {"delivery.timeout.ms", "use message_timeout"},
    {"acks", "an alert counts as delivered when all in-sync replicas have it"},
    {"request.required.acks", "an alert counts as delivered when all in-sync replicas have it"},
    {"delivery.report.only.error", "an alert counts as delivered by its report"},
    {"transactional.id", "no transactions here"},
    {"plugin.library.paths", "no plugins here"},
    {"test.mock.num.brokers", "alerts would go nowhere"},
};

// The broker took offence at something in a batch, and not at the batch's time or the weather.
bool is_refusal(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
      return true;
    default:
      return false;
  }
}

// For these the last error of the connection says more than the message's own.
bool is_silence(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
      return true;
    default:
      return false;
  }
}

// Passes by itself.
bool is_weather(rd_kafka_resp_err_t error) { return is_silence(error) || error == RD_KAFKA_RESP_ERR__QUEUE_FULL; }

std::string text_of(rd_kafka_resp_err_t error) { return std::string(rd_kafka_err2name(error)) + ": " + rd_kafka_err2str(error); }

bool names_secret(std::string_view property) {
  static constexpr std::string_view kMarks[] = {"password", "secret", "pem", "token", "oauthbearer", "jaas"};
  return std::ranges::any_of(kMarks, [property](auto mark) { return property.contains(mark); });
}

// The last thing librdkafka complained about. Its own threads write it.
class Complaint {
 public:
  explicit Complaint(std::vector<std::string> secrets) : secrets_(std::move(secrets)) {}

  void set(std::string_view text) {
    static constexpr std::size_t kMaxBytes = 512;
    // "[thrd:sasl_ssl://k:9093/1]: sasl_ssl://k:9093/1: Connect …"
    if (const auto end = text.find("]: "); text.starts_with("[thrd:") && end != text.npos) text.remove_prefix(end + 3);
    std::string clean = redacted(std::string(text));
    if (clean.size() > kMaxBytes) clean.replace(kMaxBytes, clean.npos, "…");
    const std::scoped_lock lock(mutex_);
    text_ = std::move(clean);
  }
  void clear() {
    const std::scoped_lock lock(mutex_);
    text_.clear();
  }
  std::string get() const {
    const std::scoped_lock lock(mutex_);
    return text_;
  }
  // librdkafka does not print secrets, but it prints values it can't read, and brokers may answer anything.
  std::string redacted(std::string text) const {
    for (const std::string& secret : secrets_) {
      for (auto at = text.find(secret); at != text.npos; at = text.find(secret, at + 3)) text.replace(at, secret.size(), "***");
    }
    return text;
  }

 private:
  std::vector<std::string> secrets_;
  mutable std::mutex mutex_;
  std::string text_;
};

class Kafka final : public Destination {
 public:
  explicit Kafka(KafkaOptions options) : options_(std::move(options)), complaint_(secrets(options_)) {}

  Result<void> start() {
    TRY(configure());
    return renew();
  }

  Limits limits() const override { return {.messages = 1000, .bytes = std::size_t{4} << 20U}; }
  Delivery deliver(std::span<const Message> messages, std::stop_token stop) override;
  std::string describe() const override { return "kafka+" + protocol() + "://" + options_.brokers + '/' + options_.topic; }

 private:
  enum class End : std::uint8_t { kReports, kTime, kStop, kFatal, kHopeless };
  struct Slot {
    bool sent = false;     // librdkafka took it
    bool pending = false;  // and has not reported
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_msg_status_t status = RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
  };

  static std::vector<std::string> secrets(const KafkaOptions& options);
  std::string protocol() const;
  Result<void> configure();
  Result<void> set(const std::string& property, const std::string& value, std::string_view prefix);
  Result<void> renew();
  std::string_view key_of(const Message& message) const;
  void send(std::span<const Message> messages, const Indices& group);
  rd_kafka_resp_err_t produce(const Message& message, std::uint32_t index);
  End wait(Clock::time_point deadline, const std::stop_token& stop);
  std::string why(End end) const;
  Outcome outcome_of(const Slot& slot) const;
  void on_report(const rd_kafka_message_t& report);
  void on_error(rd_kafka_resp_err_t error, const char* reason);

  static Kafka& self(void* opaque) { return *static_cast<Kafka*>(opaque); }

  KafkaOptions options_;
  Complaint complaint_;  // outlives the producer, whose threads write to it
  Conf conf_;            // of every producer; each gets a copy
  std::uint32_t attempt_ = 0;
  std::vector<Slot> slots_;  // of the attempt: one per message of the batch
  std::size_t pending_ = 0;
  bool proven_ = false;    // the producer has delivered something
  bool refused_ = false;   // it was refused at the door: credentials, certificates
  bool hopeless_ = false;  // by all brokers
  Producer producer_;
};

std::vector<std::string> Kafka::secrets(const KafkaOptions& options) {
  std::vector<std::string> found{options.sasl_password};
  for (const auto& [property, value] : options.librdkafka) {
    if (names_secret(property)) found.push_back(value);
  }
  std::erase_if(found, [](const std::string& secret) { return secret.empty(); });
  return found;
}

// tls.enabled adds TLS to a protocol named without it, rather than being nothing.
std::string Kafka::protocol() const {
  if (!options_.tls.enabled) return options_.security_protocol;
  if (options_.security_protocol == "plaintext") return "ssl";
  if (options_.security_protocol == "sasl_plaintext") return "sasl_ssl";
  return options_.security_protocol;
}

Result<void> Kafka::set(const std::string& property, const std::string& value, std::string_view prefix) {
  std::array<char, 512> text{};
  const auto done = rd_kafka_conf_set(conf_.get(), property.c_str(), value.c_str(), text.data(), text.size());
  if (done == RD_KAFKA_CONF_OK) return {};
  const std::string where = std::string(prefix) + property + ": ";
  if (done == RD_KAFKA_CONF_UNKNOWN)
    return fail(Code::kInvalid, where + "librdkafka " + rd_kafka_version_str() + " has no such property");
  if (names_secret(property)) return fail(Code::kInvalid, where + "librdkafka does not take this value");
  return fail(Code::kInvalid, where + complaint_.redacted(text.data()));
}

Result<void> Kafka::configure() {
  const TlsOptions& tls = options_.tls;
  const std::string protocol = this->protocol();
  const bool with_tls = protocol.ends_with("ssl");
  if (options_.brokers.empty()) return fail(Code::kInvalid, "kafka: brokers: one host:port at least is needed");
  if (options_.topic.empty()) return fail(Code::kInvalid, "kafka: topic: a name is needed");
  static constexpr std::string_view kKeys[] = {"host", "rule", "container", "none"};
  if (std::ranges::find(kKeys, options_.key) == std::end(kKeys)) {
    return fail(Code::kInvalid, "kafka: key: '" + options_.key + "' is not one of host, rule, container, none");
  }
  if (!tls.server_name.empty()) {
    return fail(Code::kUnsupported,
                "kafka: tls.server_name: each broker is verified by the name it is reached under; no other can be set");
  }
  if (protocol.starts_with("sasl") && (options_.sasl_mechanism.empty() || options_.sasl_username.empty())) {
    return fail(Code::kInvalid, "kafka: security_protocol " + protocol + " needs sasl_mechanism and sasl_username");
  }

  conf_.reset(rd_kafka_conf_new());
  rd_kafka_conf_set_opaque(conf_.get(), this);
  rd_kafka_conf_set_dr_msg_cb(
      conf_.get(), [](rd_kafka_t*, const rd_kafka_message_t* report, void* opaque) { self(opaque).on_report(*report); });
  rd_kafka_conf_set_error_cb(conf_.get(), [](rd_kafka_t*, int error, const char* reason, void* opaque) {
    self(opaque).on_error(static_cast<rd_kafka_resp_err_t>(error), reason);
  });
  rd_kafka_conf_set_log_cb(conf_.get(), [](const rd_kafka_t* producer, int level, const char*, const char* text) {
    if (level <= LOG_ERR) self(rd_kafka_opaque(producer)).complaint_.set(text);
  });

  std::vector<std::pair<std::string, std::string>> settings = {
      {"bootstrap.servers", options_.brokers},
      {"client.id", "shrike"},
      {"security.protocol", protocol},
      {"enable.idempotence", "true"},
      {"acks", "all"},
      {"message.timeout.ms", std::to_string(options_.message_timeout.count())},
      {"compression.codec", options_.compression},
      {"partitioner", "murmur2_random"},  // as Java's producers do
      {"linger.ms", "5"},                 // deliver() hands over a whole batch at once: there is nothing more to wait for
      {"queue.buffering.max.kbytes", "65536"},
      {"socket.keepalive.enable", "true"},
      {"log.connection.close", "false"},
  };
  if (protocol.starts_with("sasl")) {
    settings.insert(settings.end(), {{"sasl.mechanism", options_.sasl_mechanism},
                                     {"sasl.username", options_.sasl_username},
                                     {"sasl.password", options_.sasl_password}});
  }
  if (with_tls) {
    // librdkafka's own words for a file that is not there name no file.
    const std::pair<const char*, const std::string&> files[] = {
        {"tls.ca_file", tls.ca_file}, {"tls.cert_file", tls.cert_file}, {"tls.key_file", tls.key_file}};
    for (const auto& [name, path] : files) {
      if (!path.empty() && access(path.c_str(), R_OK) != 0)
        return std::unexpected(system_error("kafka: " + std::string(name) + ": open " + path, errno));
    }
    settings.insert(settings.end(), {{"enable.ssl.certificate.verification", tls.insecure ? "false" : "true"},
                                     {"ssl.endpoint.identification.algorithm", tls.insecure ? "none" : "https"}});
    if (!tls.ca_file.empty()) settings.emplace_back("ssl.ca.location", tls.ca_file);
    if (!tls.cert_file.empty()) settings.emplace_back("ssl.certificate.location", tls.cert_file);
    if (!tls.key_file.empty()) settings.emplace_back("ssl.key.location", tls.key_file);
  }
  for (const auto& [property, value] : settings) TRY(set(property, value, "kafka: "));
  for (const auto& [property, value] : options_.librdkafka) {
    static constexpr std::string_view kPrefix = "kafka: librdkafka: ";
    const auto* const reserved = std::ranges::find(kReserved, property, &Reserved::property);
    if (reserved != std::end(kReserved))
      return fail(Code::kInvalid, std::string(kPrefix) + property + ": not here: " + std::string(reserved->instead));
    TRY(set(property, value, kPrefix));
  }
  return {};
}

Result<void> Kafka::renew() {
  producer_.reset();
  proven_ = refused_ = hopeless_ = false;
  Conf copy(rd_kafka_conf_dup(conf_.get()));
  std::array<char, 512> text{};
  producer_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, copy.get(), text.data(), text.size()));
  if (producer_ == nullptr) return fail(Code::kInvalid, "kafka: " + complaint_.redacted(text.data()));
  (void)copy.release();  // now the producer's
  return {};
}

std::string_view Kafka::key_of(const Message& message) const {
  if (options_.key == "host") return message.host;
  if (options_.key == "rule") return message.rule;
  if (options_.key == "container") return message.subject;
  return {};
}

rd_kafka_resp_err_t Kafka::produce(const Message& message, std::uint32_t index) {
  // librdkafka copies what these point at, and does not write to it.
  const auto bytes = [](std::string_view text) { return const_cast<char*>(text.data()); };
  const std::string_view key = key_of(message);
  // A list of our own: librdkafka 2.0.2 frees RD_KAFKA_VTYPE_HEADER's twice where the topic is known to be in error.
  Headers headers(rd_kafka_headers_new(5));
  const auto add_header = [&headers](const char* name, std::string_view value) {
    rd_kafka_header_add(headers.get(), name, -1, value.data(), static_cast<ssize_t>(value.size()));
  };
  if (!options_.content_type.empty()) add_header("content-type", options_.content_type);
  add_header("id", message.id);
  add_header("rule", message.rule);
  add_header("priority", std::to_string(message.priority));
  add_header("source", message.source);

  std::array<rd_kafka_vu_t, 7> units{};
  std::size_t count = 0;
  const auto add = [&](rd_kafka_vtype_t type) -> auto& {
    units.at(count).vtype = type;
    return units.at(count++).u;
  };
  add(RD_KAFKA_VTYPE_TOPIC).cstr = options_.topic.c_str();
  add(RD_KAFKA_VTYPE_MSGFLAGS).i = RD_KAFKA_MSG_F_COPY;
  add(RD_KAFKA_VTYPE_VALUE).mem = {.ptr = bytes(message.body), .size = message.body.size()};
  if (!key.empty()) add(RD_KAFKA_VTYPE_KEY).mem = {.ptr = bytes(key), .size = key.size()};
  add(RD_KAFKA_VTYPE_TIMESTAMP).i64 = static_cast<std::int64_t>(message.time_ns / 1'000'000U);
  const std::uint64_t token = (std::uint64_t{attempt_} << 32U) | index;
  add(RD_KAFKA_VTYPE_OPAQUE).ptr = reinterpret_cast<void*>(token);  // NOLINT(performance-no-int-to-ptr): never followed
  add(RD_KAFKA_VTYPE_HEADERS).headers = headers.get();
  rd_kafka_error_t* const error = rd_kafka_produceva(producer_.get(), units.data(), count);
  if (error == nullptr) {
    (void)headers.release();  // now the record's
    return RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  const auto code = rd_kafka_error_code(error);
  rd_kafka_error_destroy(error);
  return code;
}

void Kafka::send(std::span<const Message> messages, const Indices& group) {
  ++attempt_;
  slots_.assign(messages.size(), Slot{});
  pending_ = 0;
  // One that can't be taken now holds back those after it: a key's order is worth more than a fuller batch.
  rd_kafka_resp_err_t held = RD_KAFKA_RESP_ERR_NO_ERROR;
  for (const auto index : group) {
    Slot& slot = slots_[index];
    slot.error = held == RD_KAFKA_RESP_ERR_NO_ERROR ? produce(messages[index], index) : held;
    slot.sent = slot.pending = slot.error == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (slot.pending) ++pending_;
    if (!slot.pending && !is_refusal(slot.error)) held = slot.error;
  }
}

void Kafka::on_report(const rd_kafka_message_t& report) {
  const auto token = reinterpret_cast<std::uintptr_t>(report._private);
  const std::size_t index = token & 0xffff'ffffU;
  if (token >> 32U != attempt_ || index >= slots_.size() || !slots_[index].pending) return;
  slots_[index] = {.sent = true, .pending = false, .error = report.err, .status = rd_kafka_message_status(&report)};
  --pending_;
  proven_ = proven_ || slots_[index].status == RD_KAFKA_MSG_STATUS_PERSISTED;
}

void Kafka::on_error(rd_kafka_resp_err_t error, const char* reason) {
  if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
    hopeless_ = refused_ && !proven_;
    return;  // the text before says why
  }
  if (error == RD_KAFKA_RESP_ERR__AUTHENTICATION || error == RD_KAFKA_RESP_ERR__SSL) refused_ = true;
  complaint_.set(reason);
}

Kafka::End Kafka::wait(Clock::time_point deadline, const std::stop_token& stop) {
  bool stopping = false;
  while (pending_ > 0) {
    rd_kafka_poll(producer_.get(), kSliceMs);
    if (pending_ == 0) break;
    if (rd_kafka_fatal_error(producer_.get(), nullptr, 0) != RD_KAFKA_RESP_ERR_NO_ERROR) return End::kFatal;
    if (hopeless_) return End::kHopeless;
    const auto now = Clock::now();
    if (!stopping && stop.stop_requested()) {
      stopping = true;
      deadline = std::min(deadline, now + kStopGrace);
    }
    if (now >= deadline) return stopping ? End::kStop : End::kTime;
  }
  return rd_kafka_fatal_error(producer_.get(), nullptr, 0) == RD_KAFKA_RESP_ERR_NO_ERROR ? End::kReports : End::kFatal;
}

std::string Kafka::why(End end) const {
  std::string complaint = complaint_.get();
  switch (end) {
    case End::kReports:
      return {};
    case End::kFatal: {
      std::array<char, 512> text{};
      const auto error = rd_kafka_fatal_error(producer_.get(), text.data(), text.size());
      return "the producer gave up, a new one is made: " + std::string(rd_kafka_err2name(error)) + ": " +
             complaint_.redacted(text.data());
    }
    case End::kStop:
      return "stopped before the broker's answer";
    case End::kHopeless:
      return complaint;
    case End::kTime:
      break;
  }
  return "no answer within " + std::to_string(options_.message_timeout.count()) + " ms" +
         (complaint.empty() ? "" : ": " + complaint);
}

Outcome Kafka::outcome_of(const Slot& slot) const {
  if (slot.status == RD_KAFKA_MSG_STATUS_PERSISTED) return {.fate = Fate::kDelivered, .reason = {}};
  std::string reason = text_of(slot.error);
  if (is_silence(slot.error)) {
    if (const std::string complaint = complaint_.get(); !complaint.empty()) reason += ": " + complaint;
  }
  return {.fate = is_refusal(slot.error) ? Fate::kRejected : Fate::kRetry, .reason = std::move(reason)};
}

// A broker refuses a record batch as a whole, although one record of it may be to blame, or none (many small ones that are more
// than the topic's max.message.bytes together). So what was refused in company is tried again in halves, and only what is refused
// alone is rejected.
Delivery Kafka::deliver(std::span<const Message> messages, std::stop_token stop) {
  Delivery delivery = Delivery::all(messages.size(), Fate::kRetry);
  const auto retry = [&delivery](const Indices& group, const std::string& reason) {
    for (const auto index : group) delivery.outcomes[index] = {.fate = Fate::kRetry, .reason = reason};
  };
  Indices all(messages.size());
  std::iota(all.begin(), all.end(), 0U);
  complaint_.clear();
  if (producer_ == nullptr) {
    if (const auto renewed = renew(); !renewed) {
      retry(all, renewed.error().message);
      return delivery;
    }
  }
  const auto deadline = Clock::now() + options_.message_timeout + kGrace;
  std::vector<Indices> groups;  // the next one last
  if (!all.empty()) groups.push_back(std::move(all));
  while (!groups.empty()) {
    const Indices group = std::move(groups.back());
    groups.pop_back();
    send(messages, group);
    const End end = wait(deadline, stop);
    const std::string reason = why(end);

    Indices refused;
    bool for_people = false;
    for (const auto index : group) {
      const Slot& slot = slots_[index];
      Outcome& outcome = delivery.outcomes[index];
      outcome = slot.pending ? Outcome{.fate = Fate::kRetry, .reason = reason} : outcome_of(slot);
      // What a fatal error fails says no more than that there was one.
      if (end == End::kFatal && outcome.fate != Fate::kDelivered) outcome = {.fate = Fate::kRetry, .reason = reason};
      for_people = for_people || (outcome.fate == Fate::kRetry && !is_weather(slot.error));
      if (outcome.fate == Fate::kRejected && slot.sent && group.size() > 1) refused.push_back(index);
    }
    for (const auto index : refused) {
      Outcome& outcome = delivery.outcomes[index];
      outcome = {.fate = Fate::kRetry, .reason = "in company of others: " + outcome.reason};
    }
    // A producer remembers for minutes that it may not write to a topic, or that there is none; a new one asks.
    if (end != End::kReports || for_people) producer_.reset();
    if (producer_ == nullptr || stop.stop_requested()) break;
    const auto half = refused.begin() + static_cast<std::ptrdiff_t>(refused.size() / 2);
    if (half != refused.end()) groups.emplace_back(half, refused.end());
    if (half != refused.begin()) groups.emplace_back(refused.begin(), half);
  }
  return delivery;
}

}  // namespace

Result<std::unique_ptr<Destination>> make_kafka(KafkaOptions options) {
  auto kafka = std::make_unique<Kafka>(std::move(options));
  TRY(kafka->start());
  return kafka;
}

}  // namespace shrike::outputs
