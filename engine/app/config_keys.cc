// SPDX-License-Identifier: Apache-2.0
#include "engine/app/config_keys.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <map>
#include <type_traits>

namespace shrike::app {
namespace {

using outputs::FileOptions;
using outputs::HttpOptions;
using outputs::KafkaOptions;
using outputs::RetryOptions;
using outputs::SinkFilter;
using outputs::SinkOptions;
using outputs::SpoolOptions;
using outputs::SyslogOptions;
using outputs::TlsOptions;
using std::chrono::milliseconds;

// --- places: a path of members

template <class Member>
struct OwnerOf;
template <class Object, class Member>
struct OwnerOf<Member Object::*> {
  using Type = Object;
};

template <auto First, auto... Rest>
constexpr auto& follow(auto& object) {
  if constexpr (sizeof...(Rest) == 0) {
    return object.*First;
  } else {
    return follow<Rest...>(object.*First);
  }
}

template <class T>
constexpr bool kIsOptional = false;
template <class T>
constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
constexpr bool kIsDuration = false;
template <class Number, class Period>
constexpr bool kIsDuration<std::chrono::duration<Number, Period>> = true;

template <class T>
void put(T& place, const Value& value) {
  if constexpr (kIsOptional<T>) {
    put(place.emplace(), value);
  } else if constexpr (kIsDuration<T>) {
    place = std::chrono::duration_cast<T>(milliseconds(value.number));
  } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
    place = static_cast<T>(value.number);
  } else if constexpr (std::is_same_v<T, std::string>) {
    place = value.text;
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    place = value.list;
  } else {
    place = T(value.pairs.begin(), value.pairs.end());
  }
}

template <class T>
Value get(const T& place) {
  if constexpr (kIsOptional<T>) {
    return place ? get(*place) : Value{.unset = true};
  } else if constexpr (kIsDuration<T>) {
    return {.number = static_cast<std::uint64_t>(std::chrono::duration_cast<milliseconds>(place).count())};
  } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
    return {.number = static_cast<std::uint64_t>(place)};
  } else if constexpr (std::is_same_v<T, std::string>) {
    return {.number = kNoWord, .text = place};
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    return {.list = place};
  } else {
    return {.pairs = {place.begin(), place.end()}};
  }
}

template <class T>
constexpr std::uint64_t kStep = 1;
template <class Number, class Period>
constexpr std::uint64_t kStep<std::chrono::duration<Number, Period>> =
    static_cast<std::uint64_t>(Period::num * 1'000 / Period::den);

template <auto First, auto... Rest>
constexpr Access at() {
  using Object = OwnerOf<decltype(First)>::Type;
  return {[](void* object, const Value& value) { put(follow<First, Rest...>(*static_cast<Object*>(object)), value); },
          [](const void* object) { return get(follow<First, Rest...>(*static_cast<const Object*>(object))); },
          kStep<std::remove_cvref_t<decltype(follow<First, Rest...>(std::declval<Object&>()))>>};
}

// --- words

constexpr std::string_view kLogFormats[] = {"text", "logfmt", "json"};
constexpr std::string_view kLogLevels[] = {"debug", "info", "warning", "error"};
constexpr std::string_view kMatching[] = {"first", "all"};
constexpr std::string_view kModes[] = {"detect", "monitor", "enforce"};
constexpr std::string_view kPriorities[] = {"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"};
constexpr std::string_view kTransports[] = {"unix", "udp", "tcp"};
constexpr std::string_view kFormats[] = {"rfc5424", "rfc3164"};
constexpr std::string_view kFramings[] = {"octet-counted", "line"};
constexpr std::string_view kFacilities[] = {"kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
                                            "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
                                            "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};
constexpr std::string_view kPartitionKeys[] = {"host", "rule", "container", "none"};
constexpr std::string_view kCompressions[] = {"none", "gzip", "snappy", "lz4", "zstd"};
constexpr std::string_view kProtocols[] = {"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"};
constexpr std::string_view kMechanisms[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"};
constexpr std::string_view kMethods[] = {"POST", "PUT", "PATCH"};
constexpr std::string_view kOcsfVersions[] = {"1.1.0", "1.3.0", "1.5.0", "1.8.0"};

constexpr std::size_t kEncodings = static_cast<std::size_t>(outputs::Encoding::kCount);
const std::array<std::string_view, kEncodings> kEncodingWords = [] {
  std::array<std::string_view, kEncodings> words;
  for (std::size_t i = 0; i < kEncodings; ++i) words[i] = spelling(static_cast<outputs::Encoding>(i));
  return words;
}();

constexpr std::size_t kTypes = static_cast<std::size_t>(SinkType::kCount);
const std::array<std::string_view, kTypes> kTypeWords = [] {
  std::array<std::string_view, kTypes> words;
  for (std::size_t i = 0; i < kTypes; ++i) words[i] = spelling(static_cast<SinkType>(i));
  return words;
}();

constexpr std::uint64_t kKi = 1U << 10U;
constexpr std::uint64_t kMi = 1U << 20U;
constexpr std::uint64_t kGi = 1U << 30U;
constexpr std::uint64_t kSecond = 1'000, kHour = 3'600 * kSecond, kDay = 24 * kHour;
constexpr std::uint64_t kMost32 = std::numeric_limits<std::uint32_t>::max();

// --- of the file

constexpr Key kEnforcement[] = {
    {"cgroup", KeyType::kDirectory,
     "a directory of the cgroup2 file system: decisions apply only to processes in it or below, and where the host can refuse no "
     "more "
     "than network calls, its programs are attached there; empty: the whole host",
     at<&Config::enforcement_cgroup>()},
};

constexpr Key kStdoutOutput[] = {
    {"enabled", KeyType::kBool, "alerts to standard output, one per line", at<&Config::stdout_enabled>()}};
constexpr Key kFileOutput[] = {
    {"enabled", KeyType::kBool, "alerts to a file, one per line", at<&Config::file_enabled>()},
    {"filename", KeyType::kText, "appended to; made with mode 0600", at<&Config::file_name>()},
};
constexpr Key kSyslogOutput[] = {
    {"enabled", KeyType::kBool, "alerts as text to the local syslog daemon, by /dev/log", at<&Config::syslog_enabled>()}};
constexpr Key kHttpOutput[] = {
    {"enabled", KeyType::kBool, "alerts to a web server, each the body of a POST", at<&Config::http, &HttpShorthand::enabled>()},
    {"url", KeyType::kUrl, "where", at<&Config::http, &HttpShorthand::url>()},
    {"user_agent", KeyType::kText, "what to call ourselves; empty: shrike and its version",
     at<&Config::http, &HttpShorthand::user_agent>()},
    {"ca_cert", KeyType::kFile, "PEM file of the authorities to trust; empty: the system's",
     at<&Config::http, &HttpShorthand::ca_cert>()},
    {"insecure", KeyType::kBool, "do not verify the server's certificate", at<&Config::http, &HttpShorthand::insecure>()},
    {"mtls", KeyType::kBool, "show the client certificate", at<&Config::http, &HttpShorthand::mtls>()},
    {"client_cert", KeyType::kFile, "PEM file", at<&Config::http, &HttpShorthand::client_cert>()},
    {"client_key", KeyType::kFile, "PEM file", at<&Config::http, &HttpShorthand::client_key>()},
    {"compress_uploads", KeyType::kBool, "bodies are sent with gzip", at<&Config::http, &HttpShorthand::compress_uploads>()},
};
constexpr Key kProgramOutput[] = {
    {"enabled", KeyType::kBool, "alerts to a program's standard input, one per line", at<&Config::program_enabled>()},
    {"program", KeyType::kText, "handed to /bin/sh -c; started once, as with Falco's keep_alive, and again when it ends",
     at<&Config::program>()},
};

constexpr std::string_view kRingWhat = "a size of a ring";
constexpr Key kCapture[] = {
    {"events_ring_bytes",
     KeyType::kRing,
     "the kernel's ring of events; full, it loses them, and counts; sizes of rings are rounded up to a power of two",
     at<&Config::events_ring_bytes>(),
     64 * kKi,
     kGi,
     {},
     {},
     kRingWhat},
    {"processes_ring_bytes",
     KeyType::kRing,
     "the ring of processes that start, fork and end",
     at<&Config::processes_ring_bytes>(),
     64 * kKi,
     kGi,
     {},
     {},
     kRingWhat},
    {"verdicts_ring_bytes",
     KeyType::kRing,
     "the ring of what was refused, killed, or would have been",
     at<&Config::verdicts_ring_bytes>(),
     64 * kKi,
     kGi,
     {},
     {},
     kRingWhat},
    {"quota_above_percent",
     KeyType::kNumber,
     "beyond so much of the ring of events unread, one cgroup may hold no more than half of what is still free, so that a flood "
     "in one "
     "container leaves room for the others; 100: no quota",
     at<&Config::quota_above_percent>(),
     0,
     100,
     {},
     {},
     "a percentage"},
};

constexpr Key kProcessTable[] = {
    {"max_processes", KeyType::kNumber, "how many processes are kept; beyond, the dead go first; what goes is counted",
     at<&Config::max_processes>(), kKi, 4 * kMi},
    {"max_image_bytes", KeyType::kSize, "what their paths, arguments and environments may take", at<&Config::max_image_bytes>(),
     kMi, 64 * kGi},
};

constexpr Key kMetrics[] = {
    {"listen", KeyType::kListen, "/metrics for Prometheus and /healthz, 127.0.0.1:9376 or [::1]:9376; empty: nobody listens",
     at<&Config::metrics_listen>()},
};

const Key kConfigKeys[] = {
    {"rules_files", KeyType::kPaths,
     "rule files, or directories that stand for their *.yaml in name order; empty: /etc/shrike/rules.d, /usr/share/shrike/rules, "
     "or the "
     "rules beside the build, whichever is there first; --rules on the command line wins",
     at<&Config::rules_files>()},
    {"rule_matching", KeyType::kWord,
     "first: of the rules that hold for an event, the first in definition order fires; all: each of them",
     at<&Config::match_all>(), 0, 0, kMatching},
    {"opening_is_opening", KeyType::kBool,
     "rules that name open, openat and openat2 mean every opening of a file: open_by_handle_at and io_uring's too; false: by the "
     "letter",
     at<&Config::opening_is_opening>()},
    {"resolve_hosts", KeyType::kBool,
     "look up the names of hosts that rules in force compare fd.cip.name, fd.sip.name and their kin with, at load and every "
     "minute; "
     "false: no DNS query is made, and such comparisons do not hold",
     at<&Config::resolve_hosts>()},
    {"rules",
     KeyType::kSwitches,
     "rules switched on or off after all files are read, by name (* stands for anything) or tag; a later entry wins: "
     "[{disable: {tag: network}}, {enable: {rule: \"Netcat*\"}}]",
     {}},
    {"priority", KeyType::kPriority, "rules less severe are not loaded", at<&Config::priority>(), 0, 0, kPriorities},
    {"mode", KeyType::kWord,
     "what block and kill rules may do; detect: alert, as any rule; monitor: decide in the kernel and report what would be "
     "refused; "
     "enforce: refuse; a rule's own mode can only lower it; --mode on the command line wins",
     at<&Config::mode>(), 0, 0, kModes},
    {"enforcement", KeyType::kSection, "where decisions apply", {}, 0, 0, {}, kEnforcement},
    {"append_output",
     KeyType::kAppendOutput,
     "what is added to the outputs of rules; all entries that match apply, in order; an empty list adds nothing; the default "
     "adds "
     "container_id, container_name, … and the static fields to every output, as Falco does; an entry can have match: {source: …, "
     "rule: "
     "…, tags: […]}; extra_output: \"pod=%k8s.pod.name\"; extra_fields, into output_fields only: [evt.hostname, {where: "
     "\"%container.id/%container.name\"}]; suggested_output",
     {}},
    {"static_fields", KeyType::kPairs,
     "texts every alert is to carry, {site: berlin}: static_site=berlin behind the output, \"static.site\" in output_fields",
     at<&Config::static_fields>()},
    {"json_output", KeyType::kBool,
     "JSON instead of text where no encoding is chosen: standard output, files, programs, http_output; --format on the command "
     "line wins",
     at<&Config::json_output>()},
    {"json_include_output_property", KeyType::kBool, "JSON alerts have \"output\"", at<&Config::json_include_output>()},
    {"json_include_message_property", KeyType::kBool, "JSON alerts have \"message\", the output without time and priority",
     at<&Config::json_include_message>()},
    {"json_include_output_fields_property", KeyType::kBool, "JSON alerts have \"output_fields\"",
     at<&Config::json_include_output_fields>()},
    {"json_include_tags_property", KeyType::kBool, "JSON alerts have \"tags\"", at<&Config::json_include_tags>()},
    {"time_format_iso_8601", KeyType::kBool, "UTC in ISO 8601 instead of the local time of day, in text and in \"output\"",
     at<&Config::time_format_iso_8601>()},
    {"buffer_format_base64", KeyType::kBool,
     "bytes that were read or written (evt.buffer) as base64 instead of with dots for what can't be printed",
     at<&Config::buffer_format_base64>()},
    {"stdout_output", KeyType::kSection, "as in falco.yaml", {}, 0, 0, {}, kStdoutOutput},
    {"file_output", KeyType::kSection, "as in falco.yaml", {}, 0, 0, {}, kFileOutput},
    {"syslog_output", KeyType::kSection, "as in falco.yaml", {}, 0, 0, {}, kSyslogOutput},
    {"http_output", KeyType::kSection, "as in falco.yaml; outputs: has more", {}, 0, 0, {}, kHttpOutput},
    {"program_output", KeyType::kSection, "as in falco.yaml", {}, 0, 0, {}, kProgramOutput},
    {"outputs",
     KeyType::kOutputs,
     "where alerts go, beside the above: a list of sinks, each with a queue, a thread and a spool of its own; keys below; files "
     "of "
     "config.d add to it: [{name: siem, type: syslog, transport: tcp, host: siem.example, tls: {enabled: true}, encoding: cef}]",
     {}},
    {"spool_directory", KeyType::kDirectory, "alerts on their way wait here, for each sink in a directory of its name",
     at<&Config::spool_directory>()},
    {"capture", KeyType::kSection, "what the kernel hands over", {}, 0, 0, {}, kCapture},
    {"process_table", KeyType::kSection, "what is kept of processes", {}, 0, 0, {}, kProcessTable},
    {"control_socket", KeyType::kPath, "where shrike status, tail, top and their kin find the daemon; empty: none",
     at<&Config::control_socket>()},
    {"metrics", KeyType::kSection, "for monitoring", {}, 0, 0, {}, kMetrics},
    {"log_format", KeyType::kWord, "of the daemon's own log", at<&Config::log_format>(), 0, 0, kLogFormats},
    {"log_level", KeyType::kWord, "of the daemon's own log: this and what is graver", at<&Config::log_level>(), 0, 0, kLogLevels},
};

// --- of an entry of outputs:

constexpr Key kFilter[] = {
    {"priority", KeyType::kPriority, "alerts of this priority and more urgent ones",
     at<&SinkConfig::sink, &SinkOptions::filter, &SinkFilter::priority>(), 0, 0, kPriorities},
    {"rules", KeyType::kTexts, "of these rules alone, * stands for anything; empty: of all",
     at<&SinkConfig::sink, &SinkOptions::filter, &SinkFilter::rules>()},
    {"tags", KeyType::kTexts, "of rules with one of these tags; empty: of all",
     at<&SinkConfig::sink, &SinkOptions::filter, &SinkFilter::tags>()},
};
constexpr Key kSpool[] = {
    {"enabled",
     KeyType::kBool,
     "alerts wait on disk until the other side has taken them",
     at<&SinkConfig::spool>(),
     0,
     0,
     {},
     {},
     {},
     "false for stdout and file, else true"},
    {"max_bytes", KeyType::kSize, "more than this and the least urgent are dropped, and counted",
     at<&SinkConfig::sink, &SinkOptions::spool, &SpoolOptions::max_bytes>(), kMi, 1024 * kGi},
    {"max_age", KeyType::kDuration, "what is older is dropped, and counted",
     at<&SinkConfig::sink, &SinkOptions::spool, &SpoolOptions::max_age>(), kSecond, 3650 * kDay},
    {"segment_bytes", KeyType::kSize, "size of one file of it",
     at<&SinkConfig::sink, &SinkOptions::spool, &SpoolOptions::segment_bytes>(), 64 * kKi, kGi},
};
constexpr Key kRetry[] = {
    {"base", KeyType::kDuration, "the first pause after a failure, then twice as long each time",
     at<&SinkConfig::sink, &SinkOptions::retry, &RetryOptions::base>(), 1, kHour},
    {"cap", KeyType::kDuration, "the longest pause", at<&SinkConfig::sink, &SinkOptions::retry, &RetryOptions::cap>(), 1, kDay},
    {"max_attempts", KeyType::kNumber, "attempts at one alert before it is a dead letter; 0: no end",
     at<&SinkConfig::sink, &SinkOptions::retry, &RetryOptions::max_attempts>(), 0, 1'000'000},
};
const Key kCommon[] = {
    {"name", KeyType::kText, "unique; a to z, 0 to 9 and -", {}},
    {"type", KeyType::kWord, "what kind of sink", {}, 0, 0, kTypeWords},
    {"encoding",
     KeyType::kWord,
     "what an alert is written as",
     at<&SinkConfig::encoding>(),
     0,
     0,
     kEncodingWords,
     {},
     {},
     "by type, below"},
    {"filter", KeyType::kSection, "which alerts; all that is given must hold", {}, 0, 0, {}, kFilter},
    {"sum", KeyType::kDuration, "repetitions of a rule in this time are summed up in one alert; 0s: each goes out",
     at<&SinkConfig::sink, &SinkOptions::sum>(), 0, kDay},
    {"queue", KeyType::kNumber, "alerts in memory, on their way to the spool",
     at<&SinkConfig::sink, &SinkOptions::queue_alerts>(), 1, 1'000'000},
    {"spool", KeyType::kSection, "on disk, in spool_directory/NAME", {}, 0, 0, {}, kSpool},
    {"retry", KeyType::kSection, "when the other side is down or busy; Retry-After wins", {}, 0, 0, {}, kRetry},
    {"ocsf_version", KeyType::kWord, "of the encoding ocsf", at<&SinkConfig::encoder, &outputs::EncoderOptions::ocsf_version>(),
     0, 0, kOcsfVersions},
};

template <auto... Path>
constexpr Key kTls[] = {
    {"ca_file", KeyType::kFile, "PEM file of the authorities to trust; empty: the system's", at<Path..., &TlsOptions::ca_file>()},
    {"cert_file", KeyType::kFile, "PEM file of the client certificate", at<Path..., &TlsOptions::cert_file>()},
    {"key_file", KeyType::kFile, "PEM file of its key", at<Path..., &TlsOptions::key_file>()},
    {"server_name", KeyType::kText, "name the server's certificate must have; empty: the host connected to",
     at<Path..., &TlsOptions::server_name>()},
    {"insecure", KeyType::kBool, "do not verify the server; said aloud at start", at<Path..., &TlsOptions::insecure>()},
};
constexpr auto& kHttpTls = kTls<&SinkConfig::http, &HttpOptions::tls>;
constexpr auto& kKafkaTls = kTls<&SinkConfig::kafka, &KafkaOptions::tls>;
constexpr auto kSyslogTls = [] {
  constexpr auto& rest = kTls<&SinkConfig::syslog, &SyslogOptions::tls>;
  std::array<Key, std::size(rest) + 1> keys{
      Key{"enabled", KeyType::kBool, "RFC 5425, over tcp", at<&SinkConfig::syslog, &SyslogOptions::tls, &TlsOptions::enabled>()}};
  for (std::size_t i = 0; i < std::size(rest); ++i) keys[i + 1] = rest[i];
  return keys;
}();

constexpr Key kFileKeys[] = {
    {"path",
     KeyType::kPath,
     "appended to; made with mode 0600; SIGUSR1 and SIGHUP open it anew",
     at<&SinkConfig::file, &FileOptions::path>(),
     0,
     0,
     {},
     {},
     {},
     {},
     true},
    {"rotate_bytes", KeyType::kSize, "begin a new file beyond this size; 0: never",
     at<&SinkConfig::file, &FileOptions::rotate_bytes>(), 0, 1024 * kGi},
    {"rotate_every", KeyType::kDuration, "begin a new file after this time; 0s: never",
     at<&SinkConfig::file, &FileOptions::rotate_every>(), 0, 3650 * kDay},
    {"keep", KeyType::kNumber, "old files kept, PATH.1 the newest", at<&SinkConfig::file, &FileOptions::keep>(), 0, 10'000},
    {"compress", KeyType::kBool, "old files with gzip", at<&SinkConfig::file, &FileOptions::compress>()},
};

constexpr Key kProgramKeys[] = {
    {"command",
     KeyType::kTexts,
     "program and arguments, without a shell; started once, an alert per line on its standard input, again when it ends",
     at<&SinkConfig::program, &outputs::ProgramOptions::command>(),
     0,
     0,
     {},
     {},
     {},
     {},
     true},
};

constexpr Key kSyslogKeys[] = {
    {"transport", KeyType::kWord, "unix: the local daemon", at<&SinkConfig::syslog, &SyslogOptions::transport>(), 0, 0,
     kTransports},
    {"path", KeyType::kPath, "of unix", at<&SinkConfig::syslog, &SyslogOptions::path>()},
    {"host", KeyType::kText, "of udp and tcp", at<&SinkConfig::syslog, &SyslogOptions::host>()},
    {"port", KeyType::kNumber, "of udp and tcp; with tls 6514 if none is given", at<&SinkConfig::syslog, &SyslogOptions::port>(),
     1, 65'535},
    {"format", KeyType::kWord, "of the header; to /dev/log the local form of RFC 3164 whatever this says",
     at<&SinkConfig::syslog, &SyslogOptions::format>(), 0, 0, kFormats},
    {"framing", KeyType::kWord, "of tcp: each message with its length (RFC 6587), or on a line",
     at<&SinkConfig::syslog, &SyslogOptions::framing>(), 0, 0, kFramings},
    {"tls", KeyType::kSection, "of tcp", {}, 0, 0, {}, kSyslogTls},
    {"facility", KeyType::kWord, "of each message", at<&SinkConfig::syslog, &SyslogOptions::facility>(), 0, 0, kFacilities},
    {"app_name", KeyType::kText, "of each message", at<&SinkConfig::syslog, &SyslogOptions::app_name>()},
    {"bom", KeyType::kBool, "a byte order mark before the text, as RFC 5424 has it and few receivers want",
     at<&SinkConfig::syslog, &SyslogOptions::bom>()},
    {"max_bytes", KeyType::kSize, "of a message, over udp of a datagram; of a longer one the text is cut, and marked",
     at<&SinkConfig::syslog, &SyslogOptions::max_bytes>(), 480, 16 * kMi},
    {"timeout", KeyType::kDuration, "of one attempt", at<&SinkConfig::syslog, &SyslogOptions::timeout>(), 100, kHour},
    {"enterprise_id", KeyType::kNumber,
     "IANA's number of your organisation in the structured data; 32473 is the one for examples",
     at<&SinkConfig::encoder, &outputs::EncoderOptions::enterprise_id>(), 0, kMost32},
};

constexpr Key kKafkaKeys[] = {
    {"brokers",
     KeyType::kText,
     "host:port, separated by commas",
     at<&SinkConfig::kafka, &KafkaOptions::brokers>(),
     0,
     0,
     {},
     {},
     {},
     {},
     true},
    {"topic", KeyType::kText, "where", at<&SinkConfig::kafka, &KafkaOptions::topic>(), 0, 0, {}, {}, {}, {}, true},
    {"key", KeyType::kWord, "alerts with the same one go to the same partition, in order",
     at<&SinkConfig::kafka, &KafkaOptions::key>(), 0, 0, kPartitionKeys},
    {"compression", KeyType::kWord, "of batches", at<&SinkConfig::kafka, &KafkaOptions::compression>(), 0, 0, kCompressions},
    {"security_protocol", KeyType::kWord, "how brokers are spoken to", at<&SinkConfig::kafka, &KafkaOptions::security_protocol>(),
     0, 0, kProtocols},
    {"sasl_mechanism", KeyType::kWord, "of sasl_…", at<&SinkConfig::kafka, &KafkaOptions::sasl_mechanism>(), 0, 0, kMechanisms},
    {"sasl_username", KeyType::kText, "of sasl_…", at<&SinkConfig::kafka, &KafkaOptions::sasl_username>()},
    {"sasl_password", KeyType::kSecret, "of sasl_…", at<&SinkConfig::kafka, &KafkaOptions::sasl_password>()},
    {"tls", KeyType::kSection, "of ssl and sasl_ssl", {}, 0, 0, {}, kKafkaTls},
    {"message_timeout", KeyType::kDuration, "of one attempt", at<&SinkConfig::kafka, &KafkaOptions::message_timeout>(), kSecond,
     kHour},
    {"librdkafka", KeyType::kPairs, "its own settings, as they are: {queue.buffering.max.ms: 50}",
     at<&SinkConfig::kafka, &KafkaOptions::librdkafka>()},
};

constexpr Key kHttpKeys[] = {
    {"url",
     KeyType::kUrl,
     "where; for all but webhook and cloudevents the server, to which the API's path is added if it has none",
     at<&SinkConfig::http, &HttpOptions::url>(),
     0,
     0,
     {},
     {},
     {},
     {},
     true},
    {"headers", KeyType::kPairs, "sent with each request, {X-Scope-OrgID: tenant}",
     at<&SinkConfig::http, &HttpOptions::headers>()},
    {"gzip", KeyType::kBool, "bodies are compressed", at<&SinkConfig::http, &HttpOptions::gzip>()},
    {"proxy", KeyType::kText, "http://proxy.example:3128; empty: none", at<&SinkConfig::http, &HttpOptions::proxy>()},
    {"tls", KeyType::kSection, "of https", {}, 0, 0, {}, kHttpTls},
    {"batch_messages", KeyType::kNumber, "alerts in one request; 0: what suits the type, of a webhook 1",
     at<&SinkConfig::http, &HttpOptions::batch_messages>(), 0, 100'000},
    {"batch_bytes", KeyType::kSize, "of one request's body", at<&SinkConfig::http, &HttpOptions::batch_bytes>(), kKi, 256 * kMi},
    {"timeout", KeyType::kDuration, "of one request", at<&SinkConfig::http, &HttpOptions::timeout>(), 100, kHour},
};
constexpr Key kHttpAuth[] = {
    {"user", KeyType::kText, "basic authentication", at<&SinkConfig::http, &HttpOptions::user>()},
    {"password", KeyType::kSecret, "basic authentication", at<&SinkConfig::http, &HttpOptions::password>()},
    {"bearer_token", KeyType::kSecret, "Authorization: Bearer …", at<&SinkConfig::http, &HttpOptions::bearer>()},
};
constexpr Key kSigning[] = {
    {"signing_secret", KeyType::kSecret, "whsec_…: requests are signed after Standard Webhooks",
     at<&SinkConfig::http, &HttpOptions::signing_secret>()},
};
constexpr Key kWebhookKeys[] = {
    {"method", KeyType::kWord, "of requests", at<&SinkConfig::http, &HttpOptions::method>(), 0, 0, kMethods},
    {"body_template", KeyType::kTemplate,
     "a body with {{body}}, {{id}}, {{rule}}, {{priority}}, {{host}} in it; empty: the alert as encoded",
     at<&SinkConfig::http, &HttpOptions::body_template>()},
};
constexpr Key kSplunkKeys[] = {
    {"token",
     KeyType::kSecret,
     "of the HTTP event collector",
     at<&SinkConfig::http, &HttpOptions::splunk_token>(),
     0,
     0,
     {},
     {},
     {},
     {},
     true},
    {"ack", KeyType::kBool, "wait for the indexer's acknowledgement", at<&SinkConfig::http, &HttpOptions::splunk_ack>()},
    {"index", KeyType::kText, "empty: the token's own", at<&SinkConfig::encoder, &outputs::EncoderOptions::splunk_index>()},
    {"source", KeyType::kText, "of each event", at<&SinkConfig::encoder, &outputs::EncoderOptions::splunk_source>()},
    {"sourcetype", KeyType::kText, "of each event", at<&SinkConfig::encoder, &outputs::EncoderOptions::splunk_sourcetype>()},
};
constexpr Key kElasticsearchKeys[] = {
    {"index", KeyType::kText, "a data stream", at<&SinkConfig::http, &HttpOptions::index>()},
};
constexpr Key kCloudEventsKeys[] = {
    {"cloudevents_type", KeyType::kText, "of each event", at<&SinkConfig::encoder, &outputs::EncoderOptions::cloudevents_type>()},
};

std::string number_range(const Key& key) { return std::to_string(key.least) + " to " + std::to_string(key.most); }

std::string words(const Key& key) {
  std::string all;
  for (std::size_t i = 0; i < key.words.size(); ++i)
    (all += i == 0 ? "" : i + 1 == key.words.size() ? " or " : ", ") += key.words[i];
  return all;
}

}  // namespace

std::span<const Key> config_keys() { return kConfigKeys; }
std::span<const Key> common_sink_keys() { return kCommon; }
std::span<const Key> http_sink_keys() { return kHttpKeys; }
std::span<const Key> http_authentication_keys() { return kHttpAuth; }

std::vector<std::span<const Key>> own_sink_keys(SinkType type) {
  switch (type) {
    case SinkType::kFile:
      return {kFileKeys};
    case SinkType::kSyslog:
      return {kSyslogKeys};
    case SinkType::kKafka:
      return {kKafkaKeys};
    case SinkType::kProgram:
      return {kProgramKeys};
    case SinkType::kWebhook:
      return {kHttpKeys, kHttpAuth, kWebhookKeys, kSigning};
    case SinkType::kSplunk:
      return {kHttpKeys, kSplunkKeys};
    case SinkType::kElasticsearch:
      return {kHttpKeys, kHttpAuth, kElasticsearchKeys};
    case SinkType::kCloudEvents:
      return {kHttpKeys, kHttpAuth, kCloudEventsKeys, kSigning};
    case SinkType::kLoki:
    case SinkType::kOtlp:
    case SinkType::kAlertmanager:
      return {kHttpKeys, kHttpAuth};
    case SinkType::kStdout:
    case SinkType::kJournald:
    case SinkType::kCount:
      break;
  }
  return {};
}

bool is_secret_name(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  static constexpr std::string_view kSigns[] = {"auth",   "cookie",   "token",      "key",
                                                "secret", "password", "credential", "signature"};
  return std::ranges::any_of(kSigns, [&](std::string_view sign) { return lower.contains(sign); });
}

std::string describe(const Key& key) {
  switch (key.type) {
    case KeyType::kBool:
      return "true or false";
    case KeyType::kNumber:
      return number_range(key);
    case KeyType::kSize:
    case KeyType::kRing:
      return spell_size(key.least) + " to " + spell_size(key.most);
    case KeyType::kDuration:
      return spell_duration(key.least) + " to " + spell_duration(key.most);
    case KeyType::kWord:
    case KeyType::kPriority:
      return words(key);
    case KeyType::kText:
    case KeyType::kTemplate:
      return "text";
    case KeyType::kSecret:
      return "secret";
    case KeyType::kListen:
      return "address and port";
    case KeyType::kUrl:
      return "URL";
    case KeyType::kFile:
    case KeyType::kPath:
      return "path";
    case KeyType::kDirectory:
      return "directory";
    case KeyType::kTexts:
      return "list of texts";
    case KeyType::kPaths:
      return "list of paths";
    case KeyType::kPairs:
      return "map of texts";
    case KeyType::kSection:
      return "map";
    case KeyType::kSwitches:
    case KeyType::kAppendOutput:
    case KeyType::kOutputs:
      return "list";
  }
  return {};
}

std::string spell_duration(std::uint64_t ms) {
  static constexpr std::pair<std::uint64_t, std::string_view> kUnits[] = {
      {kDay, "d"}, {kHour, "h"}, {60 * kSecond, "m"}, {kSecond, "s"}};
  if (ms == 0) return "0s";
  for (const auto& [unit, name] : kUnits) {
    if (ms % unit == 0) return std::to_string(ms / unit).append(name);
  }
  return std::to_string(ms) + "ms";
}

std::string spell_size(std::uint64_t bytes) {
  static constexpr std::pair<std::uint64_t, std::string_view> kUnits[] = {{kGi, "GiB"}, {kMi, "MiB"}, {kKi, "KiB"}};
  for (const auto& [unit, name] : kUnits) {
    if (bytes != 0 && bytes % unit == 0) return std::to_string(bytes / unit).append(name);
  }
  return std::to_string(bytes);
}

}  // namespace shrike::app
