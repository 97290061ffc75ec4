// SPDX-License-Identifier: Apache-2.0
#include "outputs/encode/encoder.h"

#include <array>
#include <utility>

#include "outputs/encode/encoders.h"

namespace shrike::outputs {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Encoding::kCount)> kSpellings = {
    "json", "text", "ecs", "ocsf", "cef", "leef", "rfc5424", "splunk", "cloudevents", "otlp", "loki", "alertmanager"};

class FalcoEncoder final : public Encoder {
 public:
  explicit FalcoEncoder(FormatOptions options) : options_(options) {}
  std::string encode(const act::Alert& alert) const override { return format_alert(alert, options_); }

 private:
  FormatOptions options_;
};

}  // namespace

std::string_view spelling(Encoding encoding) { return kSpellings[static_cast<std::size_t>(encoding)]; }

std::optional<Encoding> parse_encoding(std::string_view spelling) {
  for (std::size_t i = 0; i < kSpellings.size(); ++i) {
    if (kSpellings[i] == spelling) return static_cast<Encoding>(i);
  }
  return std::nullopt;
}

bool reads_facts(Encoding encoding) {
  switch (encoding) {
    case Encoding::kFalcoJson:
    case Encoding::kText:
    case Encoding::kCloudEvents:
    case Encoding::kLoki:
    case Encoding::kCount:
      return false;
    default:
      return true;
  }
}

std::unique_ptr<Encoder> make_encoder(Encoding encoding, EncoderOptions options, HostFacts host) {
  switch (encoding) {
    case Encoding::kEcs:
      return make_ecs(std::move(host));
    case Encoding::kOcsf:
      return make_ocsf(options, std::move(host));
    case Encoding::kCef:
      return make_cef(std::move(host));
    case Encoding::kLeef:
      return make_leef(std::move(host));
    case Encoding::kRfc5424:
      return make_rfc5424(options, std::move(host));
    case Encoding::kSplunk:
      return make_splunk(options, std::move(host));
    case Encoding::kCloudEvents:
      return make_cloudevents(options, std::move(host));
    case Encoding::kOtlp:
      return make_otlp(std::move(host));
    case Encoding::kLoki:
      return make_loki(options, std::move(host));
    case Encoding::kAlertmanager:
      return make_alertmanager(std::move(host));
    case Encoding::kFalcoJson:
    case Encoding::kText:
    case Encoding::kCount:
      break;
  }
  options.falco.format = encoding == Encoding::kText ? Format::kText : Format::kJson;
  return std::make_unique<FalcoEncoder>(options.falco);
}

}  // namespace shrike::outputs
