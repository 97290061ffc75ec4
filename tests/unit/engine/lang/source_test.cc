// SPDX-License-Identifier: Apache-2.0
#include "engine/lang/source.h"

#include <gtest/gtest.h>

#include "engine/lang/yaml_tree.h"

namespace shrike::lang {
namespace {

std::shared_ptr<const SourceFile> file_of(std::string text) {
  return std::make_shared<SourceFile>(SourceFile{"r.yaml", std::move(text)});
}

// The value of `condition` in a file of one item, as the reader of rules makes it.
SourceText condition_of(const std::shared_ptr<const SourceFile>& file) {
  SourceText text;
  const auto error = read_yaml(*file, [&](const YamlPiece& piece) {
    const YamlNode* node = piece.node.find("condition");
    if (node != nullptr && text.empty()) text = {node->scalar, file, node->offset};
  });
  EXPECT_FALSE(error) << error->message;
  return text;
}

struct Row {
  const char* name;
  const char* yaml;  // '@' marks the place that `word` stands at, and is taken out
  const char* word;  // of the value
};

constexpr Row kRows[] = {
    {"plain", "- condition: a and @bad\n", "bad"},
    {"plain, first letter", "- condition: @bad and a\n", "bad"},
    {"plain over lines", "- condition: a and\n    b and\n\n    @bad\n", "bad"},
    {"plain behind UTF-8", "# \xC3\xA4\xE2\x82\xAC\n- condition: \xC3\xA4 and @bad\n", "bad"},
    {"behind a byte order mark", "\xEF\xBB\xBF- condition: a and @bad\n", "bad"},
    {"line ends of DOS", "- macro: x\r\n  condition: a and\r\n    @bad\r\n", "bad"},
    {"single quotes", "- condition: 'a ''b'' @bad'\n", "bad"},
    {"single quotes over lines", "- condition: 'a\n    b   \n    @bad'\n", "bad"},
    {"double quotes", "- condition: \"a \\\"b\\\" \\x41\\u00e4\\t @bad\"\n", "bad"},
    {"double quotes with an escaped line end", "- condition: \"a \\\n    b @bad\"\n", "bad"},
    {"literal", "- condition: |\n    a\n    and @bad\n", "bad"},
    {"literal with deeper lines", "- condition: |\n    a\n       and @bad\n    b\n", "bad"},
    {"literal with an indentation indicator", "- condition: |2-\n      a and\n    @bad\n", "bad"},
    {"literal after empty lines", "- condition: |\n\n\n    a\n\n    @bad\n", "bad"},
    {"folded", "- condition: >\n    a and\n    b and @bad\n", "bad"},
    {"folded and stripped", "- condition: >-\n    a and\n    b and\n    @bad\n", "bad"},
    {"folded with a comment behind the indicator", "- condition: >- # why\n    a and\n    @bad\n", "bad"},
    {"folded with an empty line", "- condition: >\n    a and\n\n\n    b and @bad\n", "bad"},
    {"folded with deeper lines", "- condition: >\n    a and\n      b or\n      c and\n    d @bad\n", "bad"},
    {"folded, first word of a line", "- condition: >\n    a and\n    @bad and b\n    c\n", "bad"},
    {"behind an anchor and a tag", "- condition: &c !!str >\n    a and\n    @bad\n", "bad"},
};

TEST(SourceText, PositionsFollowScalars) {
  for (const Row& row : kRows) {
    std::string yaml = row.yaml;
    const std::size_t place = yaml.find('@');
    yaml.erase(place, 1);
    const auto file = file_of(yaml);
    const SourceText text = condition_of(file);
    const std::size_t offset = text.value().find(row.word);
    ASSERT_NE(offset, std::string::npos) << row.name;
    EXPECT_EQ(text.position(offset), position_at(*file, place))
        << row.name << ": " << text.position(offset).line << ':' << text.position(offset).column;
    EXPECT_EQ(text.line(offset), line_at(*file, position_at(*file, place).line)) << row.name;
  }
}

TEST(SourceText, AliasStandsAtItsAnchor) {
  const auto file = file_of("- x: &c a and bad\n  condition: *c\n");
  EXPECT_EQ(condition_of(file).position(6), (Position{"r.yaml", 1, 15}));
}

TEST(SourceText, EndIsBehindTheLastLetter) {
  const auto file = file_of("- condition: a and\n");
  EXPECT_EQ(condition_of(file).position(5), (Position{"r.yaml", 1, 19}));
}

TEST(SourceText, FallsBackToTheNodeWhereTextsDisagree) {
  const auto file = file_of("- condition: a and b\n");
  const SourceText other("x or y", file, 13);
  EXPECT_EQ(other.position(5), (Position{"r.yaml", 1, 14}));
}

TEST(SourceText, PiecesKeepTheirOrigin) {
  const auto one = std::make_shared<SourceFile>(SourceFile{"one", "a or b"});
  const auto two = std::make_shared<SourceFile>(SourceFile{"two", "\n  and c"});
  SourceText text("a or b", one, 0);
  text.append(SourceText("and c", two, 3));
  text.concat(SourceText::generated(" and not x", one, 2));
  EXPECT_EQ(text.value(), "a or b and c and not x");
  EXPECT_EQ(text.position(5), (Position{"one", 1, 6}));
  EXPECT_EQ(text.position(6), (Position{"one", 1, 7})) << "between two pieces is the end of the first";
  EXPECT_EQ(text.position(11), (Position{"two", 2, 7}));
  EXPECT_EQ(text.position(20), (Position{"one", 1, 3}));
}

TEST(SourceText, TrimmedTextKeepsItsPlace) {
  const auto file = file_of("- condition: \"  \\t a %bad  \"\n");
  const SourceText text = condition_of(file).trimmed();
  EXPECT_EQ(text.value(), "a %bad");
  EXPECT_EQ(text.position(2), (Position{"r.yaml", 1, 22}));
}

TEST(SourceText, EmptyTextStandsNowhere) { EXPECT_EQ(SourceText().position(0), Position()); }

}  // namespace
}  // namespace shrike::lang
