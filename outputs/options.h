// SPDX-License-Identifier: Apache-2.0
// What a configuration may say of each kind of sink, with its defaults. Values only: who reads them checks them, who is made of
// them may trust them.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace shrike::outputs {

using std::chrono::milliseconds;
using std::chrono::seconds;

// TLS to a server. Verification is on unless `insecure`, which is said aloud at start.
struct TlsOptions {
  bool enabled = false;
  std::string ca_file;  // PEM; empty: the system's
  std::string cert_file, key_file;
  std::string server_name;  // to verify; empty: the host connected to
  bool insecure = false;
};

struct FileOptions {
  std::string path;                // empty: standard output
  std::uint64_t rotate_bytes = 0;  // 0: never
  seconds rotate_every{0};         // 0: never
  std::uint32_t keep = 5;          // rotated files, PATH.1 the newest
  bool compress = false;           // rotated files, gzip
};

struct ProgramOptions {
  std::vector<std::string> command;  // argv; started once, a line per alert on its standard input, started again if it ends
};

struct JournaldOptions {
  std::string path = "/run/systemd/journal/socket";
  std::string identifier = "shrike";  // SYSLOG_IDENTIFIER
};

enum class SyslogTransport : std::uint8_t { kUnix, kUdp, kTcp };
enum class SyslogFormat : std::uint8_t { kRfc5424, kRfc3164 };
enum class SyslogFraming : std::uint8_t { kOctetCounted, kLine };
struct SyslogOptions {
  SyslogTransport transport = SyslogTransport::kUnix;
  std::string path = "/dev/log";  // of kUnix
  std::string host;
  std::uint16_t port = 514;
  SyslogFormat format = SyslogFormat::kRfc5424;  // to /dev/log the local form of RFC 3164 whatever this says
  SyslogFraming framing = SyslogFraming::kOctetCounted;
  TlsOptions tls;  // of kTcp; RFC 5425: octet-counted
  std::uint8_t facility = 1;
  std::string app_name = "shrike";
  bool bom = false;
  std::uint32_t max_bytes = 8192;  // of a message; UDP: of a datagram. Longer: its text is cut, and marked
  milliseconds timeout{10'000};
};

struct KafkaOptions {
  std::string brokers;  // host:port,…
  std::string topic;
  std::string key = "host";                       // host, rule, container or none
  std::string content_type = "application/json";  // of the bodies, as a header; empty: no such header
  std::string compression = "zstd";
  std::string security_protocol = "plaintext";  // plaintext, ssl, sasl_plaintext, sasl_ssl
  std::string sasl_mechanism;                   // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512
  std::string sasl_username, sasl_password;
  TlsOptions tls;
  milliseconds message_timeout{30'000};
  std::map<std::string, std::string> librdkafka;  // handed through
};

enum class HttpKind : std::uint8_t { kWebhook, kSplunk, kElasticsearch, kLoki, kOtlp, kAlertmanager, kCloudEvents };
struct HttpOptions {
  HttpKind kind = HttpKind::kWebhook;
  std::string
      url;  // Splunk, Elasticsearch, Loki, OTLP, Alertmanager: the server, to which the API's own path is added if it has none
  std::string method = "POST";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body_template;  // kWebhook: {{body}}, {{id}}, {{rule}}, {{priority}}, {{host}}; empty: the body itself
  bool gzip = false;
  std::string user, password;  // basic authentication
  std::string bearer;          // token
  std::string splunk_token;
  bool splunk_ack = false;                          // wait for the indexer's acknowledgement
  std::string index = "logs-shrike.alert-default";  // Elasticsearch: a data stream
  std::string signing_secret;                       // "whsec_…": signatures after Standard Webhooks
  std::string proxy;
  TlsOptions tls;                  // `enabled` is the URL's scheme
  std::size_t batch_messages = 0;  // 0: what suits the kind; webhook: 1
  std::size_t batch_bytes = std::size_t{1} << 20U;
  milliseconds timeout{15'000};
};

// The sink around a destination.
struct SpoolOptions {
  std::string directory;  // of this sink alone; empty: no spool, memory only
  std::uint64_t max_bytes = std::uint64_t{256} << 20U;
  seconds max_age{7 * 24 * 3600};
  std::uint64_t segment_bytes = std::uint64_t{8} << 20U;
};
struct RetryOptions {
  milliseconds base{1'000};
  milliseconds cap{60'000};
  std::uint32_t max_attempts = 0;  // of a message, then it is a dead letter; 0: for ever
};
struct SinkFilter {
  std::uint8_t priority = 7;       // this and more urgent
  std::vector<std::string> rules;  // names or patterns; empty: all
  std::vector<std::string> tags;   // one of them; empty: all
};
struct SinkOptions {
  std::string name;
  SinkFilter filter;
  std::uint32_t queue_alerts = 8'192;  // in memory, on their way to the spool
  seconds sum{0};                      // repetitions of a rule in so many seconds are summed up; 0: each alert goes out
  SpoolOptions spool;
  RetryOptions retry;
};

}  // namespace shrike::outputs
