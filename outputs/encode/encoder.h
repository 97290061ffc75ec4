// SPDX-License-Identifier: Apache-2.0
// Encoder turns an alert into one record of some format. Pure: the same alert gives the same bytes; nothing an attacker put into
// a name or an argument ends a record or a field early. Bytes that are not UTF-8 become U+FFFD.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/act/alert.h"
#include "engine/base/result.h"
#include "outputs/format.h"

namespace shrike::outputs {

enum class Encoding : std::uint8_t {
  kFalcoJson,     // "json": Falco's shape with our keys
  kText,          // "text": Falco's line
  kEcs,           // "ecs": Elastic Common Schema 8.17
  kOcsf,          // "ocsf": Open Cybersecurity Schema Framework
  kCef,           // "cef": ArcSight's Common Event Format 0
  kLeef,          // "leef": QRadar's Log Event Extended Format 2.0
  kRfc5424,       // "rfc5424": structured data and text of a syslog message, without its header
  kSplunk,        // "splunk": the envelope of Splunk's HTTP event collector with fields of its Common Information Model
  kCloudEvents,   // "cloudevents": CloudEvents 1.0, structured mode, Falco's shape as data
  kOtlp,          // "otlp": one LogRecord of OTLP/JSON
  kLoki,          // "loki": one stream of Loki's push API, Falco's shape as line
  kAlertmanager,  // "alertmanager": one alert of Alertmanager's API v2
  kCount
};
std::string_view spelling(Encoding encoding);                       // "ecs"
std::optional<Encoding> parse_encoding(std::string_view spelling);  // nothing for other texts

// The host an alert comes from.
struct HostFacts {
  std::string name;        // hostname
  std::string machine_id;  // /etc/machine-id; empty: none
  std::string boot_id;     // /proc/sys/kernel/random/boot_id
  std::string kernel;      // release
};

inline constexpr std::string_view kOcsfVersions[] = {"1.1.0", "1.3.0", "1.5.0", "1.8.0"};

struct EncoderOptions {
  FormatOptions falco;                  // of "json" and "text", and where others carry them
  std::string ocsf_version = "1.5.0";   // one of kOcsfVersions
  std::uint32_t enterprise_id = 32473;  // of RFC 5424's structured data; 32473 is the number for documentation
  std::string cloudevents_type = "io.shrike.alert.v1";
  std::string splunk_index;  // empty: the token's own
  std::string splunk_source = "shrike";
  std::string splunk_sourcetype = "shrike:alert:json";
};

class Encoder {
 public:
  virtual ~Encoder() = default;
  virtual std::string encode(const act::Alert& alert) const = 0;
};

// Does it read act::Alert::facts? If a sink's encoding does, event::Context::facts is to be set.
bool reads_facts(Encoding encoding);

// `ocsf_version` is one that is supported.
std::unique_ptr<Encoder> make_encoder(Encoding encoding, EncoderOptions options, HostFacts host);

}  // namespace shrike::outputs
