// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/app/commands.h"
#include "engine/kernel/probe.h"

namespace shrike::app {

int print_doctor(const Options& options) {
  const kernel::HostSupport host = kernel::probe_host();
  const bool works = host.tier != "none";
  if (options.format == "json") {
    nlohmann::json findings = nlohmann::json::array();
    for (const kernel::Finding& finding : host.findings) {
      findings.push_back({{"name", finding.name},
                          {"ok", finding.ok},
                          {"required", finding.required},
                          {"detail", finding.detail},
                          {"remedy", finding.remedy}});
    }
    const nlohmann::json result = {
        {"kernel", host.kernel_release}, {"tier", host.tier}, {"findings", findings}, {"limits", host.limits}};
    std::puts(result.dump().c_str());
    return works ? kDone : kNo;
  }
  std::printf("kernel %s\ntier   %s\n\n", host.kernel_release.c_str(), host.tier.c_str());
  for (const kernel::Finding& finding : host.findings) {
    const char* state = finding.ok ? "ok" : finding.required ? "MISSING" : "absent";
    std::printf("%-8s %-16s %s\n", state, finding.name.c_str(), finding.detail.c_str());
    if (!finding.remedy.empty()) std::printf("%-25s to get it: %s\n", "", finding.remedy.c_str());
  }
  std::puts("\nKnown limits:");
  for (const std::string& limit : host.limits) std::printf("  - %s\n", limit.c_str());
  return works ? kDone : kNo;
}

}  // namespace shrike::app
