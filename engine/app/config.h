// SPDX-License-Identifier: Apache-2.0
// The configuration: YAML files, read once into typed values. Keys that mean the same as in falco.yaml carry its names.
// An unknown key, a wrong type or a value out of range is an error with its line. The keys stand in config_keys.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/result.h"
#include "engine/compile/compile.h"
#include "engine/lang/diagnostic.h"
#include "engine/lang/rule_file.h"
#include "engine/lang/rule_switch.h"
#include "outputs/encode/encoder.h"
#include "outputs/format.h"
#include "outputs/options.h"

namespace shrike::app {

// What block and kill rules may do, least first. A rule's effective mode is the lower of this and its own.
enum class Mode : std::uint8_t {
  kDetect,   // alert, as any rule
  kMonitor,  // decide in the kernel, and report
  kEnforce,  // refuse, kill
};
// "monitor"; nothing for other texts.
std::optional<Mode> parse_mode(std::string_view text);

inline constexpr const char* kDefaultControlSocket = "/run/shrike/shrike.sock";

enum class SinkType : std::uint8_t {
  kFile,
  kStdout,
  kSyslog,
  kJournald,
  kKafka,
  kWebhook,
  kSplunk,
  kElasticsearch,
  kLoki,
  kOtlp,
  kAlertmanager,
  kCloudEvents,
  kProgram,
  kCount
};
std::string_view spelling(SinkType type);  // "kafka"

// An entry of outputs:, or what one of Falco's keys stands for. Of the options below only the type's own are in use.
struct SinkConfig {
  outputs::SinkOptions sink;  // sink.spool.directory is set when the whole configuration has been read
  SinkType type = SinkType::kStdout;
  std::optional<outputs::Encoding> encoding;  // nothing: what suits the type, see encoding_of
  std::optional<bool> spool;                  // nothing: what suits the type, see has_spool
  outputs::EncoderOptions encoder;            // but for `falco`, which the whole configuration says
  outputs::FileOptions file;
  outputs::ProgramOptions program;
  outputs::SyslogOptions syslog;
  outputs::KafkaOptions kafka;
  outputs::HttpOptions http;
  lang::Position position;  // of the entry
};

struct HttpShorthand {  // http_output, as in falco.yaml
  bool enabled = false;
  std::string url;
  std::string user_agent;
  std::string ca_cert;
  bool insecure = false;
  bool mtls = false;
  std::string client_cert, client_key;
  bool compress_uploads = false;
};

struct Config {
  std::vector<std::string> rules_files;  // files or directories; empty: the shipped rules
  std::vector<lang::RuleSwitch> rules;   // rules: - enable: … / - disable: …, in order
  bool resolve_hosts = true;             // resolve_hosts: look up the host names rules compare fd.*.name with
  bool opening_is_opening = true;        // see compile::Options
  bool match_all = false;                // rule_matching: first | all
  lang::Priority priority = lang::Priority::kDebug;
  Mode mode = Mode::kMonitor;
  std::string enforcement_cgroup;  // enforcement.cgroup: decisions apply to processes in it or below; empty: to all
  std::vector<compile::AppendOutput> append_output{{.suggested_output = true}};
  std::vector<std::pair<std::string, std::string>> static_fields;
  bool json_output = false;
  bool json_include_output = true;  // json_include_output_property, as are the next three
  bool json_include_message = false;
  bool json_include_output_fields = true;
  bool json_include_tags = true;
  bool time_format_iso_8601 = false;
  bool buffer_format_base64 = false;
  bool stdout_enabled = true;                          // stdout_output.enabled
  bool file_enabled = false;                           // file_output.enabled
  std::string file_name;                               // file_output.filename
  std::uint64_t events_ring_bytes = 8U << 20U;         // capture.events_ring_bytes; 64 KiB … 1 GiB, rounded up to a power of two
  std::uint64_t processes_ring_bytes = 8U << 20U;      // capture.processes_ring_bytes
  std::uint64_t verdicts_ring_bytes = 1U << 20U;       // capture.verdicts_ring_bytes
  std::uint32_t quota_above_percent = 50;              // capture.quota_above_percent; 0 … 100
  std::uint64_t max_processes = 262'144;               // process_table.max_processes; 1,024 … 4,194,304
  std::uint64_t max_image_bytes = 256U << 20U;         // process_table.max_image_bytes; 1 MiB … 64 GiB
  std::string control_socket = kDefaultControlSocket;  // empty: none
  std::string metrics_listen;                          // metrics.listen: "127.0.0.1:9376"; empty: nobody listens
  std::string log_format = "text";                     // text, logfmt, json: of the daemon's own log
  std::string log_level = "info";                      // debug, info, warning, error
  bool syslog_enabled = false;                         // syslog_output.enabled
  HttpShorthand http;
  bool program_enabled = false;  // program_output.enabled
  std::string program;           // program_output.program
  std::string spool_directory = "/var/lib/shrike/spool";
  std::vector<SinkConfig> outputs;

  std::vector<std::string> files;  // that it was read from, in order
};

// Every sink there is to be: those of stdout_output and its kin, under these names, then those of outputs:.
std::vector<SinkConfig> all_sinks(const Config& config);

// What the sink's alerts are encoded as; `json`: json_output or --format json, for those that say nothing.
outputs::Encoding encoding_of(const SinkConfig& sink, bool json);
// What makes sense for a sink of this type, the default first.
const std::vector<outputs::Encoding>& encodings_for(SinkType type);
// Alerts wait on disk while the other side takes none: by default all but standard output and files.
bool has_spool(const SinkConfig& sink);

// How the configuration has alerts printed; `format` (text, json), if given, wins over json_output.
outputs::FormatOptions format_options(const Config& config, const std::optional<std::string>& format);

// Reads a file and the *.yaml of the directory config.d beside it, in name order: maps merge, scalars and lists replace, outputs:
// adds.
// ${VAR} and ${VAR:-text} in values stand for the environment's; ${ is written $${. Errors go to `diagnostics` (codes CONFIG_…);
// the result is usable only if there are none.
struct ReadOptions {
  bool outputs =
      true;  // false: as if nothing said where alerts go; for those who ask about rules and have no business with secrets
  bool check_host = false;  // also what can be checked without starting: that named files and directories are there
  std::function<const char*(const char*)> environment{};  // empty: the process's own
};
Config read_config(const std::string& path, lang::Diagnostics& diagnostics, const ReadOptions& options);
Config read_config(const std::string& path, lang::Diagnostics& diagnostics);

}  // namespace shrike::app
