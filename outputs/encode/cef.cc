// SPDX-License-Identifier: Apache-2.0
// ArcSight's Common Event Format, version 0 (formats.md 1.3). Values are cut to the dictionary's lengths; a cut one ends in "…".
#include <utility>

#include "outputs/encode/details.h"
#include "outputs/encode/encoders.h"
#include "outputs/encode/text.h"

namespace shrike::outputs {
namespace {

constexpr std::size_t kHeaderMax = 512;

// \ and | are escaped, a line break is a blank.
std::string header(std::string_view text) {
  std::string blank = clean(text);
  for (char& c : blank) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  std::string out;
  for (const char c : cut(visible(blank), kHeaderMax)) {
    if (c == '\\' || c == '|') out += '\\';
    out += c;
  }
  return out;
}

// CEF has escapes for line breaks; other control characters stand as text, blanks at either end as \u0020: a parser trims them.
std::string spelled(std::string_view text) {
  std::string out;
  std::size_t from = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] != '\n' && text[i] != '\r') continue;
    out += visible(text.substr(from, i - from));
    if (i < text.size()) out += text[i];
    from = i + 1;
  }
  static constexpr std::string_view kBlank = "\\u0020";
  std::size_t leading = out.find_first_not_of(' ');
  if (leading == std::string::npos) leading = out.size();
  std::size_t trailing = 0;
  while (trailing < out.size() - leading && out[out.size() - 1 - trailing] == ' ') ++trailing;
  std::string all;
  for (std::size_t i = 0; i < leading; ++i) all += kBlank;
  all += std::string_view(out).substr(leading, out.size() - leading - trailing);
  for (std::size_t i = 0; i < trailing; ++i) all += kBlank;
  return all;
}

class Extension {
 public:
  void add(std::string_view key, std::string_view value, std::size_t max) {
    if (value.empty()) return;
    if (!out_.empty()) out_ += ' ';
    out_ += key;
    out_ += '=';
    for (const char c : cut(spelled(value), max)) {
      if (c == '\n' || c == '\r') {
        out_ += c == '\n' ? "\\n" : "\\r";
        continue;
      }
      if (c == '\\' || c == '=') out_ += '\\';
      out_ += c;
    }
  }
  void add(std::string_view key, std::optional<std::int64_t> value) {
    if (value) add(key, std::to_string(*value), 20);
  }
  // A custom field and what it means here.
  void custom(std::string_view key, std::string_view label, std::string_view value, std::size_t max) {
    if (value.empty()) return;
    add(std::string(key) + "Label", label, 1023);
    add(key, value, max);
  }
  std::string finish() { return std::move(out_); }

 private:
  std::string out_;
};

class CefEncoder final : public Encoder {
 public:
  explicit CefEncoder(HostFacts host) : host_(std::move(host)) {}

  std::string encode(const act::Alert& alert) const override {
    static constexpr std::size_t kText = 1023, kCustom = 4000;
    const Details of(alert, host_);
    Extension out;
    out.add("rt", milliseconds_text(alert.time_ns), 20);
    out.add("externalId", alert.id, 40);
    out.add("dvchost", of.hostname, 100);
    out.add("deviceExternalId", host_.machine_id, 255);
    out.add("cat", spelling(of.deed.category), kText);
    out.add("act", of.action(), 63);
    if (of.effect != Effect::kNotice) out.add("outcome", of.outcome(), 63);
    if (of.result != "SUCCESS") out.add("reason", of.result, kText);
    out.add("suser", of.text("user.name"), kText);
    out.add("suid", of.id("user.uid"), kText);
    const bool exec = of.deed.name == "exec";
    const auto process = [&](const Details::Process& one, std::string_view path_key, std::string_view pid_key) {
      out.add(path_key, one.path.empty() ? one.name : one.path, kText);
      out.add(pid_key, one.pid);
    };
    process(exec ? of.parent : of.process, "sproc", "spid");
    if (exec) process(of.process, "dproc", "dpid");
    address(out, of.network.source, "src", "c6a2", "Source IPv6 Address");
    out.add("spt", of.network.source_port);
    address(out, of.network.destination, "dst", "c6a3", "Destination IPv6 Address");
    out.add("dpt", of.network.destination_port);
    std::string transport(of.network.transport);
    for (char& c : transport) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    out.add("proto", transport, 31);
    if (of.network.outbound && of.network.known()) out.add("deviceDirection", *of.network.outbound ? 1 : 0);
    const std::string_view path = exec ? of.process.path : of.file.path;
    out.add("filePath", path, kText);
    out.add("fname", path.substr(path.rfind('/') + 1), kText);
    out.add("oldFilePath", of.file.old_path, kText);
    out.custom("cs1", "commandLine", of.process.command_line, kCustom);
    out.custom("cs2", "containerId", of.container_id, kCustom);
    out.custom("cs3", "k8sPod", of.pod_name(), kCustom);
    out.custom("cs4", "mitreTechnique", of.joined_techniques(), kCustom);
    out.custom("cs5", "parentCommandLine", of.parent.command_line, kCustom);
    out.custom("cs6", "image", of.image_name(), kCustom);
    out.custom("flexString1", "verdict", alert.verdict, kText);
    out.custom("flexString2", "tags", of.joined_tags(), kText);
    out.add("msg", alert.message, kText);
    return "CEF:0|Shrike|Shrike|" + header(product_version()) + '|' + header(alert.rule) + '|' + header(alert.rule) + '|' +
           std::to_string(of.level.cef) + '|' + out.finish();
  }

 private:
  static void address(Extension& out, std::string_view address, std::string_view key, std::string_view key6,
                      std::string_view label6) {
    if (address.contains(':')) {
      out.custom(key6, label6, address, 64);
    } else {
      out.add(key, address, 64);
    }
  }

  HostFacts host_;
};

}  // namespace

std::unique_ptr<Encoder> make_cef(HostFacts host) { return std::make_unique<CefEncoder>(std::move(host)); }

}  // namespace shrike::outputs
