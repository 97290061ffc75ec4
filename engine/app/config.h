// SPDX-License-Identifier: Apache-2.0
// The configuration file: YAML, read once into typed values. Keys that mean the same as in falco.yaml carry its names.
// An unknown key, a wrong type or a value out of range is an error with its line.
#pragma once

#include <cstdint>
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
#include "outputs/format.h"

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
};

// How the configuration has alerts printed; `format` (text, json), if given, wins over json_output.
outputs::FormatOptions format_options(const Config& config, const std::optional<std::string>& format);

// Errors go to `diagnostics` (codes CONFIG_…); the result is usable only if there are none.
Config read_config(const std::string& path, lang::Diagnostics& diagnostics);

}  // namespace shrike::app
