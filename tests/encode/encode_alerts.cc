// SPDX-License-Identifier: Apache-2.0
// Alerts from standard input, one a line (tests/support/alert_json.h), encoded to standard output: for each record its length in
// bytes, a line break, the record, a line break. What a record looks like must not matter to who reads it.
//
//   encode_alerts ENCODING [OCSF_VERSION] < alerts.jsonl
#include <cstdio>
#include <iostream>
#include <string>

#include "outputs/encode/encoder.h"
#include "tests/support/alert_json.h"

int main(int argc, char** argv) {
  const auto encoding = argc < 2 ? std::nullopt : shrike::outputs::parse_encoding(argv[1]);
  if (!encoding) {
    std::fputs("usage: encode_alerts ENCODING [OCSF_VERSION] < alerts.jsonl\n", stderr);
    return 2;
  }
  shrike::outputs::EncoderOptions options;
  if (argc > 2) options.ocsf_version = argv[2];
  const auto encoder = shrike::outputs::make_encoder(*encoding, options, shrike::test::alert_host());
  for (std::string line; std::getline(std::cin, line);) {
    const std::string record = encoder->encode(shrike::test::parse_alert(line));
    std::cout << record.size() << '\n' << record << '\n';
  }
  return 0;
}
