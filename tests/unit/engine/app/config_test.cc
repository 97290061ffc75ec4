// SPDX-License-Identifier: Apache-2.0
#include "engine/app/config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "engine/app/config_keys.h"
#include "engine/app/config_print.h"
#include "engine/app/config_tree.h"

namespace shrike::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

// The configuration of a text, or what is wrong with it.
struct Read {
  Config config;
  std::string wrong;
};

Read read_text(const std::string& text) {
  const std::string path = testing::TempDir() + "config_" + std::to_string(getpid());
  std::ofstream(path) << text;
  lang::Diagnostics diagnostics;
  Read read{read_config(path, diagnostics), {}};
  std::filesystem::remove(path);
  for (const lang::Diagnostic& one : diagnostics.all())
    read.wrong += std::to_string(one.position.line) + ":" + std::to_string(one.position.column) + ": " + one.message + " (" +
                  one.hint + ")";
  return read;
}

TEST(Config, SizesOfRings) {
  const std::pair<const char*, std::uint64_t> rows[] = {{"65536", 65536},      {"65537", 131072},     {"64KiB", 65536},
                                                        {"3MiB", 4U << 20U},   {"1GiB", 1U << 30U},   {"1073741824", 1U << 30U},
                                                        {"'8MiB'", 8U << 20U}, {"1000KiB", 1U << 20U}};
  for (const auto& [text, bytes] : rows) {
    const Read read = read_text("capture: {events_ring_bytes: " + std::string(text) + "}\n");
    EXPECT_EQ(read.wrong, "") << text;
    EXPECT_EQ(read.config.events_ring_bytes, bytes) << text;
    EXPECT_EQ(read.config.processes_ring_bytes, Config().processes_ring_bytes) << "each by itself";
  }
  for (const char* text : {"65535", "63KiB", "1073741825", "1025MiB", "2GiB", "-1", "8 MiB", "8mib", "8MB", "MiB", "''", "1.5MiB",
                           "18446744073709551616", "17179869184GiB", "[1MiB]", "0x100000"}) {
    EXPECT_EQ(read_text("capture:\n  verdicts_ring_bytes: " + std::string(text) + "\n").wrong.substr(0, 27),
              "2:24: not a size of a ring ")
        << text;
  }
}

TEST(Config, QuotaPerCgroup) {
  EXPECT_EQ(read_text("").config.quota_above_percent, 50U);
  for (const std::uint32_t percent : {0U, 1U, 100U}) {
    const Read read = read_text("capture: {quota_above_percent: " + std::to_string(percent) + "}\n");
    EXPECT_EQ(read.wrong, "");
    EXPECT_EQ(read.config.quota_above_percent, percent);
  }
  for (const char* text : {"101", "-1", "50%", "half", "[50]", "4294967346"})
    EXPECT_TRUE(
        read_text("capture: {quota_above_percent: " + std::string(text) + "}\n").wrong.starts_with("1:32: not a percentage"))
        << text;
}

// --- every key

// Files in a directory of their own.
class Files {
 public:
  Files() : directory_(testing::TempDir() + "config_files_" + std::to_string(getpid())) { fs::create_directories(directory_); }
  ~Files() { fs::remove_all(directory_); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    const std::string path = directory_ + '/' + name;
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  }
  std::string path(const std::string& name) const { return directory_ + '/' + name; }

  Read read(const std::string& text, ReadOptions options = {}) const {
    write("shrike.yaml", text);
    lang::Diagnostics diagnostics;
    Read read{read_config(path("shrike.yaml"), diagnostics, options), {}};
    for (const lang::Diagnostic& one : diagnostics.all()) {
      if (one.severity == lang::Severity::kWarning) continue;
      read.wrong += fs::path(one.position.file).filename().string() + ':' + std::to_string(one.position.line) + ':' +
                    std::to_string(one.position.column) + ": " + one.message + (one.hint.empty() ? "" : " (" + one.hint + ')') +
                    '\n';
    }
    return read;
  }

 private:
  std::string directory_;
};

// A key, a value it may have, how that is shown, one it may not have, and the complaint.
struct Row {
  const char* key;
  const char* good;
  const char* shown;  // as JSON
  const char* bad;
  const char* complaint;
};

constexpr Row kFileRows[] = {
    {"rules_files", "[a.yaml, b]", R"(["a.yaml","b"])", "a.yaml",
     "rules_files must be a list of paths (write: rules_files: [a.yaml])"},
    {"rule_matching", "all", R"("all")", "al", "not a rule_matching (did you mean all? It can be first or all)"},
    {"opening_is_opening", "no", "false", "2", "not a boolean (true or false)"},
    {"resolve_hosts", "off", "false", "[true]", "not a boolean (true or false)"},
    {"rules", "[{disable: {tag: x}}]", R"([{"disable":{"tag":"x"}}])", "[{disable: {tg: x}}]",
     "unknown key \"tg\" in enable and disable (did you mean tag?)"},
    {"priority", "WARNING", R"("warning")", "high",
     "not a priority (emergency, alert, critical, error, warning, notice, info or debug)"},
    {"mode", "enforce", R"("enforce")", "off", "not a mode (detect, monitor or enforce)"},
    {"enforcement.cgroup", "/sys/fs/cgroup/x", R"("/sys/fs/cgroup/x")", "x", "not an absolute path"},
    {"append_output", "[]", "[]", "[{extra_output: 3, x: y}]", "unknown key \"x\" in an entry of append_output"},
    {"static_fields", "{a: b}", R"({"a":"b"})", "[a]", "static_fields must be a map of texts (write: {name: value})"},
    {"json_output", "true", "true", "maybe", "not a boolean (true or false)"},
    {"json_include_output_property", "false", "false", "''", "not a boolean"},
    {"json_include_message_property", "true", "true", "1.0", "not a boolean"},
    {"json_include_output_fields_property", "false", "false", "{}", "not a boolean"},
    {"json_include_tags_property", "false", "false", "~", "not a boolean"},
    {"time_format_iso_8601", "true", "true", "iso", "not a boolean"},
    {"buffer_format_base64", "true", "true", "tru", "not a boolean"},
    {"stdout_output.enabled", "false", "false", "out", "not a boolean"},
    {"file_output.enabled", "false", "false", "out", "not a boolean"},
    {"file_output.filename", "/var/log/x", R"("/var/log/x")", "[x]", "not a text"},
    {"syslog_output.enabled", "true", "true", "out", "not a boolean"},
    {"http_output.enabled", "false", "false", "out", "not a boolean"},
    {"http_output.url", "http://h:2801/x", R"("http://h:2801/x")", "ftp://h", "not an http:// or https:// URL"},
    {"http_output.user_agent", "a/b", R"("a/b")", "\"a\\nb\"", "a line end or a control character in user_agent"},
    {"http_output.ca_cert", "/x", R"("/x")", "x", "not an absolute path"},
    {"http_output.insecure", "true", "true", "out", "not a boolean"},
    {"http_output.mtls", "false", "false", "out", "not a boolean"},
    {"http_output.client_cert", "/x", R"("/x")", "x", "not an absolute path"},
    {"http_output.client_key", "/x", R"("/x")", "x", "not an absolute path"},
    {"http_output.compress_uploads", "true", "true", "out", "not a boolean"},
    {"program_output.enabled", "false", "false", "out", "not a boolean"},
    {"program_output.program", "cat >/dev/null", R"("cat >/dev/null")", "[cat]", "not a text"},
    {"outputs", "[]", "[]", "{}", "outputs must be a list of sinks (write: - {name: siem, type: syslog})"},
    {"spool_directory", "/s", R"("/s")", "s", "not an absolute path"},
    {"capture.events_ring_bytes", "65537", R"("128KiB")", "2GiB",
     "not a size of a ring (64KiB to 1GiB, or in bytes 65536 to 1073741824)"},
    {"capture.processes_ring_bytes", "1GiB", R"("1GiB")", "63KiB", "not a size of a ring"},
    {"capture.verdicts_ring_bytes", "64KiB", R"("64KiB")", "1 MiB", "not a size of a ring"},
    {"capture.quota_above_percent", "100", "100", "101", "not a percentage (0 to 100)"},
    {"process_table.max_processes", "1024", "1024", "1023", "not a number in its range (1024 to 4194304)"},
    {"process_table.max_image_bytes", "64GiB", R"("64GiB")", "65GiB",
     "not a size (1MiB to 64GiB, or in bytes 1048576 to 68719476736)"},
    {"control_socket", "/x", R"("/x")", "x", "not an absolute path"},
    {"metrics.listen", "'[::1]:9376'", R"("[::1]:9376")", "localhost:9376",
     "not an address and a port (127.0.0.1:9376, or [::1]:9376)"},
    {"log_format", "json", R"("json")", "xml", "not a log_format (text, logfmt or json)"},
    {"log_level", "error", R"("error")", "eror", "not a log_level (did you mean error? It can be debug, info, warning or error)"},
};

constexpr Row kSinkRows[] = {
    {"encoding", "ecs", R"("ecs")", "xml", "not a encoding"},
    {"filter.priority", "error", R"("error")", "bad", "not a priority"},
    {"filter.rules", "['A*']", R"(["A*"])", "A*", "rules must be a list of texts (write: rules: [A*])"},
    {"filter.tags", "[x]", R"(["x"])", "['']", "an empty text in tags"},
    {"sum", "30s", R"("30s")", "30", "not a duration (0s to 1d)"},
    {"queue", "1", "1", "0", "not a number in its range (1 to 1000000)"},
    {"spool.enabled", "true", "true", "2", "not a boolean"},
    {"spool.max_bytes", "1GiB", R"("1GiB")", "1KiB", "not a size"},
    {"spool.max_age", "1h", R"("1h")", "1500ms", "not a duration in whole seconds (write 2s)"},
    {"spool.segment_bytes", "1MiB", R"("1MiB")", "2GiB", "not a size"},
    {"retry.base", "500ms", R"("500ms")", "0s", "not a duration (1ms to 1h)"},
    {"retry.cap", "5m", R"("5m")", "2d", "not a duration (1ms to 1d)"},
    {"retry.max_attempts", "3", "3", "-1", "not a number in its range"},
    {"ocsf_version", "1.8.0", R"("1.8.0")", "2.0.0", "not a ocsf_version"},
};
constexpr Row kFileSinkRows[] = {
    {"path", "/y", R"("/y")", "y", "not an absolute path"},    {"rotate_bytes", "1MiB", R"("1MiB")", "1MB", "not a size"},
    {"rotate_every", "1d", R"("1d")", "1w", "not a duration"}, {"keep", "10000", "10000", "10001", "not a number in its range"},
    {"compress", "true", "true", "gz", "not a boolean"},
};
constexpr Row kProgramRows[] = {{"command", "[a, 'b c']", R"(["a","b c"])", "[]", "command is empty"}};
constexpr Row kSyslogRows[] = {
    {"transport", "tcp", R"("tcp")", "tls", "not a transport (unix, udp or tcp)"},
    {"path", "/run/log", R"("/run/log")", "log", "not an absolute path"},
    {"host", "k", R"("k")", "\"k\\r\"", "a line end or a control character in host"},
    {"port", "65535", "65535", "65536", "not a number in its range"},
    {"format", "rfc3164", R"("rfc3164")", "3164", "not a format"},
    {"framing", "line", R"("line")", "lf", "not a framing"},
    {"tls.enabled", "false", "false", "x", "not a boolean"},
    {"tls.ca_file", "/x", R"("/x")", "x", "not an absolute path"},
    {"tls.server_name", "x", R"("x")", "[x]", "not a text"},
    {"tls.insecure", "true", "true", "x", "not a boolean"},
    {"facility", "local7", R"("local7")", "local8", "not a facility (did you mean local0?"},
    {"app_name", "x", R"("x")", "[x]", "not a text"},
    {"bom", "true", "true", "x", "not a boolean"},
    {"max_bytes", "480", R"("480")", "479", "not a size"},
    {"timeout", "1s", R"("1s")", "1ms", "not a duration"},
    {"enterprise_id", "1", "1", "4294967296", "not a number in its range"},
};
constexpr Row kKafkaRows[] = {
    {"brokers", "'b:1,c:2'", R"("b:1,c:2")", "''", "brokers is empty"},
    {"topic", "t2", R"("t2")", "[t]", "not a text"},
    {"key", "none", R"("none")", "pod", "not a key (host, rule, container or none)"},
    {"compression", "lz4", R"("lz4")", "zip", "not a compression"},
    {"sasl_mechanism", "SCRAM-SHA-512", R"("SCRAM-SHA-512")", "SCRAM",
     "not a sasl_mechanism (PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512)"},
    {"sasl_username", "v", R"("v")", "[v]", "not a text"},
    {"sasl_password", "q", R"("***")", "[q]", "not a text"},
    {"tls.ca_file", "/x", R"("/x")", "x", "not an absolute path"},
    {"tls.server_name", "x", R"("x")", "[x]", "not a text"},
    {"tls.insecure", "true", "true", "x", "not a boolean"},
    {"message_timeout", "1s", R"("1s")", "999ms", "not a duration"},
    {"librdkafka", "{a.b: 5}", R"({"a.b":"5"})", "{a.b: [5]}", "not a text"},
};
constexpr Row kWebhookRows[] = {
    {"url", "'https://h:8443/x?y=z'", R"("https://h:8443/x?y=z")", "https://u:p@h/",
     "an URL with credentials in it (user and password have keys of their own)"},
    {"headers", "{X-A: b}", R"({"X-A":"b"})", "{'X A': b}", "\"X A\" is no name of a header"},
    {"gzip", "true", "true", "x", "not a boolean"},
    {"user", "u", R"("u")", "[u]", "not a text"},
    {"proxy", "'http://u:p@q:3128/'", R"("http://***@q:3128/")", "[x]", "not a text"},
    {"tls.ca_file", "/x", R"("/x")", "x", "not an absolute path"},
    {"tls.server_name", "x", R"("x")", "[x]", "not a text"},
    {"tls.insecure", "true", "true", "x", "not a boolean"},
    {"batch_messages", "100", "100", "-5", "not a number in its range"},
    {"batch_bytes", "1KiB", R"("1KiB")", "1", "not a size"},
    {"timeout", "1h", R"("1h")", "2h", "not a duration (100ms to 1h)"},
    {"method", "PUT", R"("PUT")", "GET", "not a method (POST, PUT or PATCH)"},
    {"body_template", "\"{{body}}\\n\"", R"("{{body}}\n")", "[x]", "not a text"},
    {"signing_secret", "whsec_MfKQ", R"("***")", "MfKQ", "signing_secret does not begin with whsec_"},
    {"bearer_token", "t", R"("***")", "[x]", "not a text"},
};
constexpr Row kSplunkRows[] = {
    {"token", "x", R"("***")", "[x]", "not a text"},        {"ack", "true", "true", "x", "not a boolean"},
    {"index", "x", R"("x")", "[x]", "not a text"},          {"source", "x", R"("x")", "[x]", "not a text"},
    {"sourcetype", "x:y", R"("x:y")", "[x]", "not a text"},
};
constexpr Row kElasticsearchRows[] = {{"index", "x", R"("x")", "[x]", "not a text"}};
constexpr Row kCloudEventsRows[] = {{"cloudevents_type", "x", R"("x")", "[x]", "not a text"}};

// What reads with other keys than itself: its row would be two changes.
const std::set<std::string> kTogether = {"security_protocol", "tls.cert_file", "tls.key_file", "password"};

std::string nested(const std::string& key, const std::string& value) {
  const std::size_t dot = key.find('.');
  return dot == std::string::npos ? key + ": " + value : key.substr(0, dot) + ": {" + key.substr(dot + 1) + ": " + value + '}';
}

// Paths whose values differ.
std::set<std::string> changes(const ordered_json& before, const ordered_json& after) {
  std::set<std::string> paths;
  for (const auto& change : ordered_json::diff(before, after)) paths.insert(change["path"].get<std::string>());
  return paths;
}

TEST(Config, EveryKeyOfTheFile) {
  const Files files;
  const ordered_json before = effective_config(files.read("").config);
  std::set<std::string> seen;
  for (const Row& row : kFileRows) {
    SCOPED_TRACE(row.key);
    std::string pointer = '/' + std::string(row.key);
    if (const std::size_t dot = pointer.find('.'); dot != std::string::npos) pointer[dot] = '/';
    seen.insert(row.key);
    const Read good = files.read(nested(row.key, row.good));
    EXPECT_EQ(good.wrong, "");
    const ordered_json after = effective_config(good.config);
    EXPECT_EQ(after[ordered_json::json_pointer(pointer)].dump(), row.shown);
    for (const std::string& changed : changes(before, after))
      EXPECT_TRUE(changed.starts_with(pointer)) << "a key of its own: " << changed;
    EXPECT_NE(files.read(nested(row.key, row.bad)).wrong.find(row.complaint), std::string::npos)
        << files.read(nested(row.key, row.bad)).wrong;
  }
  for (const Key& key : config_keys()) {
    EXPECT_TRUE(key.type == KeyType::kSection || seen.contains(std::string(key.name))) << key.name << ": no row";
    for (const Key& inner : key.keys)
      EXPECT_TRUE(seen.contains(std::string(key.name) + '.' + std::string(inner.name)))
          << key.name << '.' << inner.name << ": no row";
  }
}

struct SinkRows {
  SinkType type;
  const char* base;  // other keys
  std::span<const Row> rows;
};

TEST(Config, EveryKeyOfASink) {
  const Files files;
  const SinkRows all[] = {
      {SinkType::kFile, "path: /x", kSinkRows},
      {SinkType::kFile, "path: /x", kFileSinkRows},
      {SinkType::kProgram, "command: [x]", kProgramRows},
      {SinkType::kSyslog, "transport: udp, host: h, spool: {enabled: true}", kSyslogRows},
      {SinkType::kKafka,
       "brokers: 'a:1', topic: t, security_protocol: sasl_ssl, sasl_mechanism: PLAIN, sasl_username: u, sasl_password: p",
       kKafkaRows},
      {SinkType::kWebhook, "url: 'https://h/'", kWebhookRows},
      {SinkType::kSplunk, "url: 'https://h/', token: t", kSplunkRows},
      {SinkType::kElasticsearch, "url: 'https://h/'", kElasticsearchRows},
      {SinkType::kCloudEvents, "url: 'https://h/'", kCloudEventsRows},
  };
  std::map<SinkType, std::set<std::string>> seen;
  for (const SinkRows& of : all) {
    for (const Row& row : of.rows) {
      SCOPED_TRACE(std::string(spelling(of.type)) + ' ' + row.key);
      seen[of.type].insert(row.key);
      // In a block map, so that a key of the base may be said anew by leaving it out.
      const auto text = [&](const std::string& own) {
        std::string base = of.base;
        const std::string name = std::string(row.key).substr(0, std::string(row.key).find('.'));
        const std::size_t at = base.starts_with(name + ": ") ? 0 : base.find(", " + name + ": ");
        if (at != std::string::npos && !own.empty()) {
          std::size_t end = base.find(", ", at + 2);
          if (end == std::string::npos) end = base.size();
          base.erase(at, end - at);
          if (base.starts_with(", ")) base.erase(0, 2);
        }
        return "outputs:\n  - {name: s, type: " + std::string(spelling(of.type)) + (base.empty() ? "" : ", " + base) +
               (own.empty() ? "" : ", " + own) + "}\n";
      };
      const Read before = files.read(text(""));
      ASSERT_EQ(before.wrong, "");
      const Read good = files.read(text(nested(row.key, row.good)));
      EXPECT_EQ(good.wrong, "") << text(nested(row.key, row.good));
      ASSERT_EQ(good.config.outputs.size(), 1U);
      const ordered_json after = effective_config(good.config);
      std::string pointer = "/outputs/0/" + std::string(row.key);
      if (const std::size_t dot = pointer.find('.'); dot != std::string::npos) pointer[dot] = '/';
      EXPECT_EQ(after[ordered_json::json_pointer(pointer)].dump(), row.shown);
      for (const std::string& changed : changes(effective_config(before.config), after))
        EXPECT_TRUE(changed.starts_with(pointer) || std::string_view(row.key) == "transport" ||
                    std::string_view(row.key) == "format")
            << "a key of its own: " << changed;
      const std::string wrong = files.read(text(nested(row.key, row.bad))).wrong;
      EXPECT_NE(wrong.find(row.complaint), std::string::npos) << wrong;
    }
  }
  const auto check = [&](SinkType type, std::span<const Key> keys) {
    for (const Key& key : keys) {
      for (const Key& inner : key.keys) {
        const std::string name = std::string(key.name) + '.' + std::string(inner.name);
        EXPECT_TRUE(seen[type].contains(name) || kTogether.contains(name)) << spelling(type) << ' ' << name << ": no row";
      }
      if (key.type == KeyType::kSection || key.name == "name" || key.name == "type") continue;
      const std::string name(key.name);
      EXPECT_TRUE(seen[type].contains(name) || kTogether.contains(name)) << spelling(type) << ' ' << name << ": no row";
    }
  };
  check(SinkType::kFile, common_sink_keys());
  for (const SinkType type : {SinkType::kFile, SinkType::kProgram, SinkType::kSyslog, SinkType::kKafka, SinkType::kWebhook}) {
    for (const auto& keys : own_sink_keys(type)) check(type, keys);
  }
  check(SinkType::kSplunk, own_sink_keys(SinkType::kSplunk).back());
  check(SinkType::kElasticsearch, own_sink_keys(SinkType::kElasticsearch).back());
}

TEST(Config, KeysThatGoTogether) {
  const Files files;
  const std::string kafka = "outputs: [{name: k, type: kafka, brokers: a, topic: t, ";
  const std::string web = "outputs: [{name: w, type: webhook, url: 'https://h/', ";
  const std::string log = "outputs: [{name: l, type: syslog, ";
  const std::pair<std::string, const char*> rows[] = {
      {kafka + "security_protocol: sasl_ssl}]", "sasl_ssl needs sasl_mechanism, sasl_username and sasl_password"},
      {kafka + "sasl_username: u}]", "sasl_… without security_protocol"},
      {kafka + "tls: {insecure: true}}]", "tls is of security_protocol ssl and sasl_ssl"},
      {kafka + "security_protocol: ssl, tls: {cert_file: /x}}]", "one of cert_file and key_file without the other"},
      {kafka + "security_protocol: ssl, tls: {cert_file: /x, key_file: /y}}]", ""},
      {web + "user: u, password: p}]", ""},
      {web + "password: p}]", "a password without a user"},
      {web + "user: u, bearer_token: p}]", "both a user and a bearer_token"},
      {"outputs: [{name: w, type: webhook, url: 'http://h/', tls: {insecure: true}}]", "tls is of an https:// URL"},
      {web + "retry: {base: 10m}}]", "retry.base is longer than retry.cap"},
      {web + "spool: {max_bytes: 1MiB}}]", "spool.segment_bytes is more than spool.max_bytes"},
      {web + "encoding: rfc5424}]", "output \"w\" (webhook) can't be written as rfc5424 (json, text, ecs"},
      {"outputs: [{name: a, type: alertmanager, url: 'http://h/', encoding: json}]", "can't be written as json (alertmanager)"},
      {"outputs: [{name: s, type: splunk, url: 'http://h/'}]", "has no token"},
      {"outputs: [{name: s, type: splunk, url: 'http://h/', token: t, user: u}]", "unknown key \"user\""},
      {log + "transport: tcp}]", "has no host (or transport: unix)"},
      {log + "host: h}]", "host is of transport udp and tcp (write: transport: tcp)"},
      {log + "transport: udp, host: h, tls: {enabled: true}}]", "TLS goes over transport tcp"},
      {log + "transport: tcp, host: h, framing: line, tls: {enabled: true}}]", "octet-counted (RFC 5425)"},
      {log + "encoding: rfc5424}]", "structured data needs the header of RFC 5424"},
      {"outputs: [{type: stdout}]", "an output has no name"},
      {"outputs: [{name: x}]", "an output has no type"},
      {"outputs: [{name: x, type: kafak}]", "not a type of an output (did you mean kafka?)"},
      {"outputs: [{name: x, type: smtp}]", "not a type of an output (file, stdout, syslog,"},
      {"outputs: [{name: X, type: stdout}]", "not a name of an output"},
      {"outputs: [{name: ../x, type: stdout}]", "not a name of an output"},
      {"outputs: [stdout]", "an entry of outputs must be a map of keys"},
      {"file_output: {enabled: true}", "file_output is enabled and has no filename"},
      {"http_output: {enabled: true}", "http_output is enabled and has no url"},
      {"http_output: {enabled: true, url: 'https://h', mtls: true}", "http_output.mtls needs client_cert and client_key"},
      {"program_output: {enabled: true}", "program_output is enabled and has no program"},
      {"outputs: [{name: x, type: file, urll: y}]", "output \"x\" (file) has no path"},
  };
  for (const auto& [text, complaint] : rows) {
    const std::string wrong = files.read(text).wrong;
    if (std::string_view(complaint).empty()) {
      EXPECT_EQ(wrong, "") << text;
    } else {
      EXPECT_NE(wrong.find(complaint), std::string::npos) << text << '\n' << wrong;
    }
  }
}

TEST(Config, Urls) {
  const Files files;
  for (const char* url : {"http://h", "https://h:1", "http://[::1]:80/x", "https://a.b/c?d=e%20", "http://127.0.0.1"})
    EXPECT_EQ(files.read("http_output: {url: '" + std::string(url) + "'}").wrong, "") << url;
  for (const char* url :
       {"h", "//h", "http:/h", "http://", "http://:80", "http://h:0", "http://h:65536", "http://h:x", "http://h:80x", "file:///x",
        "http://h/a b", "http://u@h/", "http://h/#x", "http://[::1", "http://[::1]x", "https://h/\"", "HTTP://h"})
    EXPECT_NE(files.read("http_output: {url: '" + std::string(url) + "'}").wrong, "") << url;
}

TEST(Config, UnknownKeysNearAndFar) {
  EXPECT_EQ(read_text("jsn_output: true\n").wrong,
            "1:1: unknown key \"jsn_output\" in the configuration (did you mean json_output?)");
  EXPECT_EQ(read_text("webserver: {}\n").wrong, "1:1: unknown key \"webserver\" in the configuration ()");
  EXPECT_EQ(read_text("capture: {events_ring_byte: 1}\n").wrong,
            "1:11: unknown key \"events_ring_byte\" in capture (did you mean events_ring_bytes?)");
  EXPECT_EQ(read_text("outputs:\n  - name: a\n    type: webhook\n    url: http://h\n    urll: x\n").wrong,
            "5:5: unknown key \"urll\" in output \"a\" (webhook) (did you mean url?)");
}

TEST(Config, AKeyTwice) {
  EXPECT_EQ(read_text("mode: detect\nmode: enforce\n").wrong,
            "2:1: key \"mode\" stands twice in one mapping (keep one of the two)");
  EXPECT_EQ(read_text("capture: {quota_above_percent: 1, quota_above_percent: 2}\n").wrong,
            "1:35: key \"quota_above_percent\" stands twice in one mapping (keep one of the two)");
}

// --- variables

TEST(Config, Variables) {
  const Files files;
  const ReadOptions options{.environment = [](const char* name) -> const char* {
    const std::string_view wanted(name);
    return wanted == "MODE"    ? "enforce"
           : wanted == "EMPTY" ? ""
           : wanted == "EVIL"  ? "x\nmode: enforce"
           : wanted == "N"     ? "7"
                               : nullptr;
  }};
  EXPECT_EQ(files.read("mode: ${MODE}", options).config.mode, Mode::kEnforce);
  EXPECT_EQ(files.read("mode: ${NONE:-detect}", options).config.mode, Mode::kDetect);
  EXPECT_EQ(files.read("mode: ${EMPTY:-detect}", options).config.mode, Mode::kDetect);
  EXPECT_EQ(files.read("capture: {quota_above_percent: '${N}${N}'}", options).config.quota_above_percent, 77U);
  EXPECT_EQ(files.read("static_fields: {a: 'x${NONE:-}y${MODE}$${MODE}$MODE$'}", options).config.static_fields[0].second,
            "xyenforce${MODE}$MODE$");
  // A value is one scalar, whatever stands in it.
  const Read evil = files.read("static_fields: {a: '${EVIL}'}", options);
  EXPECT_EQ(evil.config.static_fields[0].second, "x\nmode: enforce");
  EXPECT_EQ(evil.config.mode, Mode::kMonitor);
  // Keys are not.
  EXPECT_EQ(files.read("static_fields: {'${MODE}': x}", options).config.static_fields[0].first, "${MODE}");
  EXPECT_EQ(files.read("mode: ${NONE}\nlog_level: ${NONE2}\n", options).wrong,
            "shrike.yaml:1:7: the environment has no NONE (set it, or write ${NONE:-default})\n"
            "shrike.yaml:2:12: the environment has no NONE2 (set it, or write ${NONE2:-default})\n");
  EXPECT_NE(files.read("mode: '${MODE'", options).wrong.find("without its \"}\""), std::string::npos);
  EXPECT_NE(files.read("mode: '${}'", options).wrong.find("is no name of a variable"), std::string::npos);
  EXPECT_NE(files.read("mode: '${A B}'", options).wrong.find("is no name of a variable"), std::string::npos);
}

TEST(Config, VariablesAreBounded) {
  const std::string big(100'000, 'x');
  std::string out, text;
  for (int i = 0; i < 100; ++i) text += "${BIG}";
  const auto problem = expand_variables(text, [&](const char*) { return big.c_str(); }, out);
  ASSERT_TRUE(problem);
  EXPECT_LE(out.size(), kMaxConfigText + big.size());
}

// --- secrets

TEST(Config, SecretsFromFiles) {
  const Files files;
  const std::string secret = files.write("token", "geheim\n", 0640);
  const auto sink = [&](const std::string& keys) {
    return "outputs:\n  - {name: s, type: splunk, url: 'https://h', " + keys + "}\n";
  };
  const Read good = files.read(sink("token_file: " + secret));
  EXPECT_EQ(good.wrong, "");
  EXPECT_EQ(good.config.outputs.at(0).http.splunk_token, "geheim");
  EXPECT_EQ(effective_config(good.config).dump().find("geheim"), std::string::npos) << "never printed";
  EXPECT_NE(files.read(sink("token: x, token_file: " + secret)).wrong.find("both token and token_file"), std::string::npos);
  EXPECT_NE(files.read(sink("token_file: token")).wrong.find("not an absolute path"), std::string::npos);
  EXPECT_NE(files.read(sink("token_file: " + files.path("none"))).wrong.find("No such file"), std::string::npos);
  EXPECT_NE(files.read(sink("token_file: " + files.path(""))).wrong.find("is no regular file"), std::string::npos);
  EXPECT_NE(files.read(sink("token_fil: " + secret)).wrong.find("did you mean token_file?"), std::string::npos);
  const std::pair<const char*, mode_t> refused[] = {{"a\n", 0644}, {"a\n", 0602}, {"", 0600}, {"\n", 0600}, {"a\nb\n", 0600}};
  for (const auto& [text, mode] : refused)
    EXPECT_NE(files.read(sink("token_file: " + files.write("refused", text, mode))).wrong, "") << text << mode;
  EXPECT_NE(files.read(sink("token_file: " + files.write("world", "a\n", 0644))).wrong.find("is open to everyone: chmod o-rw"),
            std::string::npos);
  EXPECT_NE(files.read(sink("token_file: " + files.write("long", std::string(70'000, 'x')))).wrong.find("longer than 64 KiB"),
            std::string::npos);
  EXPECT_EQ(files.read(sink("token_file: " + files.write("crlf", "a b\r\n"))).config.outputs.at(0).http.splunk_token, "a b");
  // Who asks about rules needs none of it.
  EXPECT_EQ(files.read(sink("token_file: /none, x: '${NONE}'") + "mode: detect\n", {.outputs = false}).wrong, "");
}

TEST(Config, NoLineOfAFileTellsASecret) {
  const Files files;
  const std::string path = files.write("shrike.yaml",
                                       "outputs:\n  - {name: s, type: splunk, url: x, token: geheim, foo: bar}\n  - {name: t, "
                                       "type: webhook, url: 'http://h', pasword: geheim}\n");
  lang::Diagnostics diagnostics;
  read_config(path, diagnostics);
  EXPECT_EQ(diagnostics.error_count(), 3U);
  for (const lang::Diagnostic& one : diagnostics.all())
    EXPECT_EQ(lang::format(one).find("geheim"), std::string::npos) << lang::format(one);
}

// --- config.d

TEST(Config, FilesMergeInNameOrder) {
  const Files files;
  files.write("config.d/20-b.yaml",
              "mode: detect\ncapture: {quota_above_percent: 20}\nrules_files: [c]\noutputs: [{name: b, type: stdout}]\n");
  files.write("config.d/10-a.yaml",
              "mode: enforce\npriority: error\ncapture: {quota_above_percent: 10, verdicts_ring_bytes: 2MiB}\noutputs: [{name: "
              "a, type: stdout}]\n");
  files.write("config.d/30-c.yml", "mode: nonsense");
  files.write("config.d/.hidden.yaml", "mode: nonsense");
  files.write("config.d/40-empty.yaml", "# nothing\n");
  const Read read =
      files.read("mode: monitor\nrules_files: [a, b]\nstatic_fields: {x: y}\noutputs: [{name: main, type: stdout}]\n");
  EXPECT_EQ(read.wrong, "");
  EXPECT_EQ(read.config.mode, Mode::kDetect);
  EXPECT_EQ(read.config.priority, lang::Priority::kError);
  EXPECT_EQ(read.config.quota_above_percent, 20U);
  EXPECT_EQ(read.config.verdicts_ring_bytes, 2U << 20U);
  EXPECT_EQ(read.config.rules_files, std::vector<std::string>{"c"});
  ASSERT_EQ(read.config.outputs.size(), 3U);
  EXPECT_EQ(read.config.outputs[0].sink.name + read.config.outputs[1].sink.name + read.config.outputs[2].sink.name, "mainab");
  EXPECT_EQ(read.config.files.size(), 4U);
  files.write("config.d/20-b.yaml", "mode: detect\nouputs: []\n");
  EXPECT_EQ(files.read("").wrong, "20-b.yaml:2:1: unknown key \"ouputs\" in the configuration (did you mean outputs?)\n");
  files.write("config.d/20-b.yaml", "[]");
  EXPECT_EQ(files.read("").wrong, "20-b.yaml:1:1: the configuration must be a map of keys\n");
}

TEST(Config, OneNameInTwoFiles) {
  const Files files;
  const std::string other = files.write("config.d/a.yaml", "\noutputs: [{name: siem, type: stdout}]\n");
  const std::string wrong = files.read("outputs:\n  - name: siem\n    type: stdout\n").wrong;
  EXPECT_TRUE(wrong.starts_with("a.yaml:2:18: two outputs of the name \"siem\" (the other one: ")) << wrong;
  EXPECT_NE(wrong.find("shrike.yaml:2:5)"), std::string::npos) << wrong;
}

TEST(Config, DirectoriesOfSpools) {
  const Files files;
  const Read read = files.read(
      "outputs: [{name: a, type: webhook, url: 'http://h'}, {name: b, type: stdout}]\nspool_directory: /s\nsyslog_output: "
      "{enabled: true}\n");
  std::map<std::string, std::string> directories;
  for (const SinkConfig& sink : all_sinks(read.config)) directories[sink.sink.name] = sink.sink.spool.directory;
  EXPECT_EQ(directories, (std::map<std::string, std::string>{
                             {"stdout_output", ""}, {"syslog_output", "/s/syslog_output"}, {"a", "/s/a"}, {"b", ""}}));
}

TEST(Config, ShorthandsAreSinks) {
  const Files files;
  const Read read = files.read(
      "stdout_output: {enabled: false}\njson_output: true\nfile_output: {enabled: true, filename: /f}\n"
      "http_output: {enabled: true, url: 'https://h/x', user_agent: u, ca_cert: /ca, mtls: true, client_cert: /c, client_key: "
      "/k, insecure: true, compress_uploads: true}\n"
      "program_output: {enabled: true, program: 'a | b'}\n");
  EXPECT_EQ(read.wrong, "");
  const std::vector<SinkConfig> sinks = all_sinks(read.config);
  ASSERT_EQ(sinks.size(), 3U);
  EXPECT_EQ(sinks[0].file.path, "/f");
  EXPECT_EQ(encoding_of(sinks[0], true), outputs::Encoding::kFalcoJson);
  EXPECT_EQ(sinks[1].http.url, "https://h/x");
  EXPECT_TRUE(sinks[1].http.tls.enabled && sinks[1].http.tls.insecure && sinks[1].http.gzip);
  EXPECT_EQ(sinks[1].http.tls.ca_file + sinks[1].http.tls.cert_file + sinks[1].http.tls.key_file, "/ca/c/k");
  EXPECT_EQ(sinks[1].http.headers.at(0), std::pair(std::string("User-Agent"), std::string("u")));
  EXPECT_EQ(encoding_of(sinks[1], false), outputs::Encoding::kFalcoJson);
  EXPECT_EQ(sinks[2].program.command, (std::vector<std::string>{"/bin/sh", "-c", "a | b"}));
}

TEST(Config, SyslogOverTlsHasItsOwnPort) {
  const Files files;
  const std::string text = "outputs: [{name: a, type: syslog, transport: tcp, host: h, tls: {enabled: true}";
  EXPECT_EQ(files.read(text + "}]").config.outputs.at(0).syslog.port, 6514);
  EXPECT_EQ(files.read(text + ", port: 514}]").config.outputs.at(0).syslog.port, 514);
}

// --- hostile files

TEST(Config, HostileFilesAreBounded) {
  const Files files;
  std::string deep, bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n", wide, many;
  for (int i = 0; i < 1000; ++i) deep += '[';
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 1; j < 10; ++j) bomb += ',' + before;
    bomb += "]\n";
  }
  for (int i = 0; i < 150'000; ++i) wide += "- x\n";
  for (int i = 0; i < 5'000; ++i) many += "k" + std::to_string(i) + ": x\n";
  const std::pair<std::string, const char*> rows[] = {
      {"outputs: " + deep, "YAML nested deeper than 64 levels"},
      {bomb, "the files stand for more than a configuration may hold"},
      {"a: &a [*a]", "an alias inside its own anchor"},
      {"a: *b", ""},
      {std::string("mode: de\0tect", 13), "a NUL byte"},
      {"mode: \xFF", "not valid UTF-8"},
      {"mode: 'detect", "not valid YAML"},
      {"? [a]\n: b", "the key of a mapping is no text"},
      {"outputs: [{name: a, type: stdout, <<: x}]", "a merge key takes a mapping"},
      {"outputs:\n" + wide, "more than 256 sinks"},
      {"a: &a " + std::string(1'000'000, 'x') + "\nb: [" +
           [] {
             std::string all;
             for (int i = 0; i < 50; ++i) all += "*a,";
             return all;
           }() +
           "]",
       "the files stand for more"},
  };
  for (const auto& [text, complaint] : rows) {
    const std::string wrong = files.read(text).wrong;
    EXPECT_NE(wrong.find(complaint), std::string::npos) << wrong;
    EXPECT_NE(wrong, "");
  }
  const std::string wrong = files.read(many).wrong;
  EXPECT_EQ(std::ranges::count(wrong, '\n'), 201);
  EXPECT_NE(wrong.find("there are more errors (the first 200 are shown)"), std::string::npos);
}

// An anchor may well be used.
TEST(Config, Anchors) {
  const Files files;
  const Read read =
      files.read("outputs:\n  - &a {name: a, type: webhook, url: 'http://h', retry: {base: 2s}}\n  - {<<: *a, name: b}\n");
  EXPECT_EQ(read.wrong, "");
  ASSERT_EQ(read.config.outputs.size(), 2U);
  EXPECT_EQ(read.config.outputs[1].sink.name, "b");
  EXPECT_EQ(read.config.outputs[1].sink.retry.base, std::chrono::seconds(2));
}

// --- what can be checked on the host

TEST(Config, ChecksOfTheHost) {
  const Files files;
  const std::string there = files.write("there", "x");
  const ReadOptions check{.check_host = true};
  const std::pair<std::string, const char*> rows[] = {
      {"rules_files: [/none]", "no such file or directory: /none"},
      {"rules_files: [" + there + "]", ""},
      {"http_output: {ca_cert: /none}", "No such file or directory"},
      {"http_output: {ca_cert: /}", "/ is no regular file"},
      {"http_output: {ca_cert: " + there + "}", ""},
      {"spool_directory: " + there + "/x", " is no directory"},
      {"spool_directory: " + files.path("made/if/need/be"), ""},
      {"outputs: [{name: f, type: file, path: " + files.path("none/x") + "}]", "no directory "},
      {"outputs: [{name: f, type: file, path: " + files.path("x") + "}]", ""},
  };
  for (const auto& [text, complaint] : rows) {
    const std::string wrong =
        files.read("control_socket: ''\nspool_directory: /tmp\n" + (text.starts_with("spool") ? "" : text)).wrong;
    EXPECT_EQ(wrong, "") << "without looking: " << text;
    const std::string looked = files.read(text.starts_with("spool") ? text : "spool_directory: /tmp\n" + text, check).wrong;
    if (std::string_view(complaint).empty()) {
      EXPECT_EQ(looked, "") << text;
    } else {
      EXPECT_NE(looked.find(complaint), std::string::npos) << text << '\n' << looked;
    }
  }
}

// --- what is printed

std::string content(const std::string& path) {
  std::ifstream file(std::string(SHRIKE_SOURCE_DIR "/") + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// After a change that is meant: build/shrike config keys --format yaml >deploy/shrike.yaml; … --format markdown
// >docs/configuration.md; build/shrike schema config >tests/golden/config_schema.json
TEST(Config, GeneratedFilesAreUpToDate) {
  EXPECT_EQ(content("deploy/shrike.yaml"), config_keys_yaml());
  EXPECT_EQ(content("docs/configuration.md"), config_keys_markdown());
  EXPECT_EQ(content("tests/golden/config_schema.json"), config_schema().dump(2) + '\n');
}

TEST(Config, TheShippedFileIsTheDefaults) {
  lang::Diagnostics diagnostics;
  const Config config = read_config(SHRIKE_SOURCE_DIR "/deploy/shrike.yaml", diagnostics);
  EXPECT_FALSE(diagnostics.has_errors());
  EXPECT_EQ(effective_config(config), effective_config(Config()));
}

TEST(Config, WhatIsShownReadsBackTheSame) {
  const Files files;
  const Read read = files.read(R"(
append_output:
  - {match: {source: syscall, rule: "A: b", tags: [x, "- y"]}, extra_output: "a=%proc.name", extra_fields: [evt.hostname, {w: "%proc.name"}]}
  - {}
static_fields: {"yes": "no", n: "1e3", "a: b": "# x", e: "${HOME:-x}$${Y}", t: "\t\u202e", u: "~", "": ""}
rules: [{disable: {rule: "*"}}, {enable: {tag: "0x10"}}]
outputs: [{name: "30", type: syslog, transport: tcp, host: "::1", filter: {rules: ["a\"b"]}}, {name: p, type: program, command: [sh, -c, "a\nb"]}]
)");
  ASSERT_EQ(read.wrong, "");
  const std::string shown = to_yaml(effective_config(read.config));
  const Read again = files.read(shown);
  EXPECT_EQ(again.wrong, "") << shown;
  EXPECT_EQ(effective_config(again.config), effective_config(read.config)) << shown;
}

}  // namespace
}  // namespace shrike::app
