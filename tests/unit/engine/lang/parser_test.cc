// SPDX-License-Identifier: Apache-2.0
#include "engine/lang/parser.h"

#include <gtest/gtest.h>

#include <random>

namespace shrike::lang {
namespace {

std::string dumped(std::string_view text) {
  const auto tree = parse(text);
  return tree ? dump(**tree) : "error: " + tree.error().message;
}

struct Accepted {
  const char* name;
  const char* text;
  const char* dump;
};

// Numbers are the rows of rule-language.md 7.1. Rows that only the types refuse parse here.
constexpr Accepted kAccepted[] = {
    {"row 1, and binds closer than or", "mA or mB and mC", "(mA or (mB and mC))"},
    {"row 2, not binds closest", "not mA and mB", "(not mA and mB)"},
    {"row 3, two nots cancel", "not not mA", "mA"},
    {"three nots are one", "not not not mA", "not mA"},
    {"not before a group", "not(mA or mB)", "not (mA or mB)"},
    {"not and a glued group cancel", "not not(mA)", "mA"},
    {"nots apart stay", "not (not mA)", "not not mA"},
    {"row 6, a blank before the group", "mA or (mB) and mC", "(mA or (mB and mC))"},
    {"row 7, glued groups", "mA and(mB)or(mC)", "((mA and mB) or mC)"},
    {"a group is kept as one operand", "mA and (mB and mC)", "(mA and (mB and mC))"},
    {"groups of one vanish", "((((mA))))", "mA"},
    {"row 11, blanks are free around symbols", "fd.name=/x", "fd.name = /x"},
    {"== is =", "fd.name == /x", "fd.name = /x"},
    {"row 17, an empty list", "proc.name in ()", "proc.name in ()"},
    {"row 25, hex stands as text", "evt.num = 0x10", "evt.num = 0x10"},
    {"row 24, an exponent with its sign", "evt.num > 1e+3", "evt.num > 1e+3"},
    {"hex after an order", "evt.num > 0xFf", "evt.num > 0xFf"},
    {"signs and fractions", "evt.num <= -1.5e-3", "evt.num <= -1.5e-3"},
    {"row 27, a quoted argument", "proc.aname[\"2\"] = sh", "proc.aname[2] = sh"},
    {"row 29, a field's name as text", "proc.name = proc.pname", "proc.name = proc.pname"},
    {"row 30, another field's value", "proc.name = val(proc.pname)", "proc.name = val(proc.pname)"},
    {"val alone is text", "proc.name = valfoo", "proc.name = valfoo"},
    {"row 34, a modifier", "proc.name = anyof (sh, ksh)", "proc.name = anyof (sh, ksh)"},
    {"a modifier with a list's name", "proc.name startswith allof shells", "proc.name startswith allof (shells)"},
    {"row 36, a modifier's word alone is text", "proc.name = anyof", "proc.name = anyof"},
    {"a modifier's word before and is text", "proc.name = anyof and mA", "(proc.name = anyof and mA)"},
    {"row 40, bare text has no escapes", "fd.name = C:\\", "fd.name = C:\\"},
    {"row 43, a quote in the other quotes", "proc.cmdline contains '\"'", "proc.cmdline contains \"\\\"\""},
    {"row 46, regexes are not read here", "proc.name regex \"(?i)sh\"", "proc.name regex \"(?i)sh\""},
    {"row 47", "proc.name regex \"^sh$\"", "proc.name regex ^sh$"},
    {"row 48", "fd.name exists and mA", "(fd.name exists and mA)"},
    {"exists needs no blank", "x.y existsand mA", "(x.y exists and mA)"},
    {"in needs no blank", "x.y infoo", "x.y in (foo)"},
    {"a number needs no blank behind", "x.y > 5and mA", "(x.y > 5 and mA)"},
    {"text after its quotes needs no blank", "x.y = \"a\"and mA", "(x.y = a and mA)"},
    {"a list's name", "proc.name in shells", "proc.name in (shells)"},
    {"keywords are macros too", "mA and or", "(mA and or)"},
    {"not as a macro", "mA or not", "(mA or not)"},
    {"a macro that starts with not", "nothing and not_here", "(nothing and not_here)"},
    {"evt.dir=<", "evt.dir=< and mA", "(evt.dir = < and mA)"},
    {"odd letters in bare text", "x.y = <>[]|;!*%#\xC3\xA4", "x.y = <>[]|;!*%#\xC3\xA4"},
    {"values that need quotes keep them", "x.y in ('a b', \"c,d\", '', \"e=f\")", "x.y in (\"a b\", \"c,d\", \"\", \"e=f\")"},
    {"escapes", "x.y = \"\\x41\\\\\\/\\\"\"", "x.y = \"A\\\\/\\\"\""},
    {"a backslash swallows its blank", "x.y = 'a\\ b'", "x.y = a\\b"},
    {"all blanks", "\t\n mA\r\n\band\tmB \n", "(mA and mB)"},
    {"a transformer", "tolower(proc.name) = sh", "tolower(proc.name) = sh"},
    {"nested transformers", "len( join( \",\" , (proc.name, \"x\") ) ) > 3", "len(join(\",\",(proc.name,\"x\"))) > 3"},
    {"an indexed transformer", "getopt(proc.args, 'vo:')[o] = x", "getopt(proc.args,\"vo:\")[o] = x"},
    {"a transformer on the right", "proc.name = tolower(proc.pname)", "proc.name = tolower(proc.pname)"},
    {"a number as argument", "concat(proc.name, 5, ()) = x", "concat(proc.name,5,()) = x"},
    {"a transformer's name is text elsewhere", "proc.name = tolower", "proc.name = tolower"},
    {"a key with dots and slashes", "container.mount.dest[/proc*] exists", "container.mount.dest[/proc*] exists"},
    {"a key that needs quotes", "container.label[\"a b\"] = x", "container.label[\"a b\"] = x"},
    {"pmatch", "fd.name pmatch (/etc, '/a b')", "fd.name pmatch (/etc, \"/a b\")"},
    {"intersects", "fd.types intersects(ipv4)", "fd.types intersects (ipv4)"},
    {"a group in a group of its kind stays one", "(mA and mB) and mC", "((mA and mB) and mC)"},
    {"a group of one is none", "((mA)) and (mB)", "(mA and mB)"},
    {"not of a group", "not(mA and mB) or not (mC)", "(not (mA and mB) or not mC)"},
    {"not( in a chain", "not not(mA) and not not not mB", "(mA and not mB)"},
    {"a backslash at the end of a bare text", "x.y = C:\\", "x.y = C:\\"},
    {"a backslash at the end of a quoted text", "x.y = 'a b\\x5c'", "x.y = \"a b\\x5c\""},
    {"a field's blank and a transformer's", "len( (a.b , \"c\") ) = 2", "len((a.b,\"c\")) = 2"},
    {"a transformer on the right of in", "x.y in getopt((\"-v\"), \"v\")", "x.y in getopt((\"-v\"),\"v\")"},
    {"val on the right of in and <", "x.y in val( a.b ) and x.y <val(c.d[1])", "(x.y in val(a.b) and x.y < val(c.d[1]))"},
    {"a modifier before a name", "x.y = anyof shells", "x.y = anyof (shells)"},
    {"a modifier before and is a text", "x.y = anyof and mA", "(x.y = anyof and mA)"},
    {"exponents", "x.y > -1.5e+3 and x.y < 0X1F and x.y <= +2.", "(x.y > -1.5e+3 and x.y < 0X1F and x.y <= +2.)"},
    {"glued or", "mA or(mB)or(mC)", "(mA or mB or mC)"},
};

TEST(Parser, Accepts) {
  for (const Accepted& row : kAccepted) EXPECT_EQ(dumped(row.text), row.dump) << row.name << ": " << row.text;
}

// What is dumped reads back as the same tree; but two nots that were apart cancel then, which means the same.
TEST(Parser, ReadsItsOwnDump) {
  for (const Accepted& row : kAccepted) {
    const bool nots = std::string_view(row.dump).find("not not ") != std::string_view::npos;
    EXPECT_EQ(dumped(row.dump), nots ? "mA" : row.dump) << row.name;
  }
}

struct Refused {
  const char* name;
  const char* text;
  std::size_t offset;
  const char* message;
  const char* hint;
};

constexpr Refused kRefused[] = {
    {"row 4, upper-case and", "mA AND mB", 3, "expected \"and\", \"or\" or the end, found \"AND\"",
     "keywords are lower-case: and"},
    {"upper-case not", "NOT mA", 4, "expected \"and\", \"or\" or the end, found \"mA\"", "keywords are lower-case: not"},
    {"upper-case or", "mA OR mB", 3, "expected \"and\", \"or\" or the end, found \"OR\"", "keywords are lower-case: or"},
    {"row 5, a glued group is the whole operand", "mA or(mB) and mC", 10, "expected \"and\", \"or\" or the end, found \"and\"",
     "a group right behind and/or ends the operand: put a blank before its \"(\""},
    {"row 8, an empty group", "()", 1, "an empty group", "write a check between the parentheses"},
    {"row 9, two macros", "mA mB", 3, "expected \"and\", \"or\" or the end, found \"mB\"", ""},
    {"row 10, a third =", "fd.name===/x", 9, "expected a value after \"=\", found \"=\"", "a value with = in it goes in quotes"},
    {"row 12, = in a value", "fd.name = k=v", 11, "expected \"and\", \"or\" or the end, found \"=\"",
     "a value with blanks or one of = , ( ) \" ' goes in quotes"},
    {"row 13, = in an option", "proc.args contains --opt=1", 24, "expected \"and\", \"or\" or the end, found \"=\"",
     "a value with blanks or one of = , ( ) \" ' goes in quotes"},
    {"row 14, a word operator without its blank", "fd.name contains\"x\"", 8,
     "expected an operator after fd.name, found \"contains\"", "put a blank after contains"},
    {"row 15, a list for one value", "fd.name contains (x)", 17, "expected a value after \"contains\", found \"(\"",
     "one value only; write: contains anyof (…)"},
    {"a list after =", "fd.name = (x)", 10, "expected a value after \"=\", found \"(\"",
     "one value only; write: in (…), or: = anyof (…)"},
    {"row 16, a comma at the end", "proc.name in (sh, bash,)", 23, "expected a value, found \")\"", "no comma before \")\""},
    {"a comma at the start", "proc.name in (,sh)", 14, "expected a value, found \",\"", "no comma before the first value"},
    {"two commas", "proc.name in (a,,b)", 16, "expected a value, found \",\"", "one comma between two values"},
    {"row 18, no comma", "proc.name in (sh bash)", 17, "expected \",\" or \")\", found \"bash\"",
     "values of a list are separated by commas"},
    {"row 19, a text for a list", "proc.name in \"sh\"", 13, "expected a list after \"in\", found '\"'",
     "a list goes in parentheses: in (…)"},
    {"row 20, a path for a list", "fd.name pmatch /etc", 15, "expected a list after \"pmatch\", found \"/etc\"",
     "a list goes in parentheses: pmatch (…)"},
    {"row 21, not in", "proc.name not in (sh)", 10, "expected an operator after proc.name, found \"not\"",
     "write: not proc.name in (…)"},
    {"not contains", "proc.name not contains x", 10, "expected an operator after proc.name, found \"not\"",
     "write: not proc.name contains …"},
    {"row 22, a number in quotes", "proc.pid > \"5\"", 11, "expected a number after \">\", found '\"'",
     "numbers stand without quotes"},
    {"row 23, a text for a number", "proc.name >= b", 13, "expected a number after \">=\", found \"b\"",
     "< <= > >= compare with numbers, val(field) or a transformer only"},
    {"row 24, an exponent without its sign", "evt.num > 1e3", 11, "expected \"and\", \"or\" or the end, found \"e3\"",
     "an exponent has a sign: 1e+3"},
    {"row 26, a blank before [", "proc.aname [2] = sh", 11, "expected an operator after proc.aname, found \"[2]\"",
     "no blank before \"[\""},
    {"row 28, a dotted number", "evt.arg.0 = x", 7, "expected an operator after evt.arg, found \".0\"", "write: evt.arg[0]"},
    {"row 31, val of a transformer", "proc.name = val(tolower(proc.pname))", 16, "expected a field in val(), found \"tolower\"",
     "a transformer needs no val(): drop it"},
    {"row 32, val on the left", "val(proc.name) = sh", 3, "expected \"and\", \"or\" or the end, found \"(\"",
     "val() stands on the right side only"},
    {"row 33, a blank before (", "tolower (proc.name) = sh", 8, "expected \"and\", \"or\" or the end, found \"(\"",
     "no blank before the \"(\" of tolower()"},
    {"row 35, a modifier without its blank", "proc.name = anyof(sh, ksh)", 17, "expected a blank after \"anyof\", found \"(\"",
     "write: = anyof (…)"},
    {"row 37, a modifier on in", "proc.name in anyof (sh)", 19, "expected \"and\", \"or\" or the end, found \"(\"",
     "modifiers go with = != contains startswith endswith glob regex and their kin, not with in"},
    {"row 38, a modifier on >", "proc.pid > anyof (1, 2)", 11, "expected a number after \">\", found \"anyof\"",
     "modifiers don't go with < <= > >="},
    {"row 39, a backslash before the quote", "fd.name = \"C:\\\\\"", 10, "the text is never closed",
     "a quote right behind a backslash does not close; for a backslash at the end write \\x5c"},
    {"row 41, an unknown escape", "fd.name = \"a\\qb\"", 12, "unknown escape \"\\q\"",
     "escapes: \\b \\f \\n \\r \\t \\\\ \\/ \\xHH \\\""},
    {"row 42, the other quote escaped", "proc.cmdline contains '\\\"'", 23, "unknown escape \"\\\"\"",
     "a double quote needs no backslash here"},
    {"row 44, braces", "proc.name glob {a,b}", 17, "expected \"and\", \"or\" or the end, found \",\"",
     "one value only; a list goes with in (…), or quote the value if the comma belongs to it"},
    {"row 45, a group in a regex", "proc.name regex a(b|c)", 17, "expected \"and\", \"or\" or the end, found \"(\"",
     "a value with blanks or one of = , ( ) \" ' goes in quotes"},
    {"row 49, exists with a value", "fd.name exists = true", 15, "expected \"and\", \"or\" or the end, found \"=\"",
     "exists takes no value"},
    {"row 110, a list after = once it is in", "proc.name = sh, bash", 14, "expected \"and\", \"or\" or the end, found \",\"",
     "one value only; a list goes with in (…), or quote the value if the comma belongs to it"},
    {"row 111, in without parentheses once the list is in", "proc.name in sh, bash", 15,
     "expected \"and\", \"or\" or the end, found \",\"", "a list goes in parentheses: in (…)"},
    {"&&", "mA && mB", 3, "expected \"and\", \"or\" or the end, found \"&&\"", "write: and"},
    {"||", "mA || mB", 3, "expected \"and\", \"or\" or the end, found \"||\"", "write: or"},
    {"!", "!mA", 0, "expected a check, a macro or \"(\", found \"!mA\"", "write: not"},
    {"<>", "proc.name <> sh", 11, "expected a number after \"<\", found \">\"", "write: !="},
    {"an upper-case operator", "proc.name CONTAINS sh", 10, "expected an operator after proc.name, found \"CONTAINS\"",
     "operators are lower-case: contains"},
    {"a misspelt operator", "proc.name startwith sh", 10, "expected an operator after proc.name, found \"startwith\"",
     "did you mean startswith?"},
    {"~=", "proc.name ~= sh", 10, "expected an operator after proc.name, found \"~\"", "write: regex"},
    {"a field alone", "proc.name", 9, "expected an operator after proc.name, found the end of the condition",
     "a field alone is no check; write: proc.name exists"},
    {"a field before and", "proc.name and mA", 10, "expected an operator after proc.name, found \"and\"",
     "a field alone is no check; write: proc.name exists"},
    {"a macro with an operator", "procname = sh", 9, "expected \"and\", \"or\" or the end, found \"=\"",
     "\"procname\" is no field: names of fields have a dot, as in proc.name"},
    {"an unclosed group", "mA and (mB or mC", 7, "\"(\" is never closed", "add a \")\""},
    {"an unclosed list", "proc.name in (sh, bash", 13, "\"(\" is never closed", "add a \")\""},
    {"a group closed twice", "(mA) and mB)", 11, "\")\" without its \"(\"", ""},
    {"an unclosed text", "proc.name = \"sh and mA", 12, "the text is never closed", ""},
    {"an unclosed bracket", "proc.aname[2", 10, "\"[\" is never closed", ""},
    {"blanks in brackets", "proc.aname[ 2 ] = a", 11, "expected an argument, found \" \"", "no blank inside the brackets"},
    {"nothing", "  ", 0, "the condition is empty", "write a check: proc.name = cat"},
    {"and with nothing behind", "mA and ", 6, "expected a check, a macro or \"(\", found the end of the condition", ""},
    {"= with nothing behind", "mA and proc.name =", 18, "expected a value after \"=\", found the end of the condition",
     "for the empty text write \"\""},
    {"= before )", "(proc.name = )", 13, "expected a value after \"=\", found \")\"", "for the empty text write \"\""},
    {"a check that starts with a text", "\"sh\" = proc.name", 0, "expected a check, a macro or \"(\", found '\"'",
     "a check starts with a field: proc.name = \"…\""},
    {"text behind quotes", "proc.name = \"a\"x", 15, "expected \"and\", \"or\" or the end, found \"x\"", ""},
    {"half a hex escape", "x.y = \"\\x4\"", 7, "unknown escape \"\\x\"", "\\x takes two hex digits"},
    {"a bare text in a transformer", "join(x, (proc.name)) = a", 5,
     "expected a field, a number, a quoted text or a transformer, found \"x\"", "texts inside transformers go in quotes"},
    {"andx", "mA andmB", 6, "expected a blank or \"(\" after \"and\", found \"mB\"", ""},
    {"nested lists", "proc.name in (a, (b))", 17, "expected a value, found \"(\"", "lists don't nest"},
};

TEST(Parser, Refuses) {
  for (const Refused& row : kRefused) {
    const auto tree = parse(row.text);
    ASSERT_FALSE(tree) << row.name << ": " << row.text;
    EXPECT_EQ(tree.error().message, row.message) << row.name << ": " << row.text;
    EXPECT_EQ(tree.error().hint, row.hint) << row.name << ": " << row.text;
    EXPECT_EQ(tree.error().offset, row.offset) << row.name << ": " << row.text;
  }
}

std::string repeated(std::size_t count, std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

TEST(Parser, DepthIsBounded) {
  EXPECT_EQ(dumped(repeated(1000, "(") + "mA" + repeated(1000, ")")), "mA");
  for (const std::size_t count : {1001U, 10'000U, 1'000'000U}) {
    const auto tree = parse(repeated(count, "(") + "mA" + repeated(count, ")"));
    ASSERT_FALSE(tree);
    EXPECT_EQ(tree.error().message, "nested deeper than 1000 levels");
    EXPECT_EQ(tree.error().offset, 1000U);
  }
  const auto transformers = parse(repeated(10'000, "tolower(") + "proc.name" + repeated(10'000, ")") + " = a");
  ASSERT_FALSE(transformers);
  EXPECT_EQ(transformers.error().message, "nested deeper than 1000 levels");
  EXPECT_EQ(dumped(repeated(10'000, "not ") + "mA"), "mA") << "nots cancel, they do not nest";
}

// The deepest tree that parentheses can make: dump, clone and destruction recurse over it.
TEST(Parser, DeepestTreeIsUsable) {
  const auto tree = parse(repeated(1000, "mA or mB and not (") + "mC" + repeated(1000, ")"));
  ASSERT_TRUE(tree) << tree.error().message;
  const ExprPtr copy = clone(**tree);
  EXPECT_EQ(dump(*copy), dump(**tree));
  const auto transformers = parse(repeated(999, "tolower(") + "proc.name" + repeated(999, ")") + " = a");
  ASSERT_TRUE(transformers) << transformers.error().message;
  EXPECT_EQ(dump(*clone(**transformers)), dump(**transformers));
}

// --- trees of chance: what is dumped reads back as the same tree

// The tree as text that says all of it but spans, unambiguously; nothing the parser could make good.
std::string spelt(std::string_view text) { return std::to_string(text.size()) + ':' + std::string(text); }
std::string spelt(const FieldRef& field) { return "field " + spelt(field.name) + (field.argument ? spelt(*field.argument) : ""); }
std::string spelt(const Transform& transform);
std::string spelt(const TransformArgument& argument) {
  return std::visit(Overload{[](const FieldRef& field) { return spelt(field); },
                             [](const Literal& literal) { return (literal.quoted ? "text " : "number ") + spelt(literal.text); },
                             [](const TransformPtr& inner) { return spelt(*inner); },
                             [](const TransformList& list) {
                               std::string all = "list{";
                               for (const TransformArgument& item : list.items) all += spelt(item) + ';';
                               return all + '}';
                             }},
                    argument.node);
}
std::string spelt(const Transform& transform) {
  std::string all = "call " + transform.name + '{';
  for (const TransformArgument& argument : transform.arguments) all += spelt(argument) + ';';
  return all + '}' + (transform.index ? spelt(*transform.index) : "");
}
std::string spelt(const Expr& expr) {
  const auto group = [](const char* name, const std::vector<ExprPtr>& operands) {
    std::string all = std::string(name) + '{';
    for (const ExprPtr& operand : operands) all += spelt(*operand) + ';';
    return all + '}';
  };
  return std::visit(Overload{[&](const And& node) { return group("and", node.operands); },
                             [&](const Or& node) { return group("or", node.operands); },
                             [](const Not& node) { return "not{" + spelt(*node.operand) + '}'; },
                             [](const MacroRef& node) { return "macro " + spelt(node.name); },
                             [](const Compare& node) {
                               std::string all = std::visit([](const auto& side) { return spelt(side); }, node.left);
                               all += std::string(" ") + spelling(node.op) + spelling(node.modifier) + ' ';
                               return all + std::visit(Overload{[](std::monostate) { return std::string("nothing"); },
                                                                [](const Literal& literal) { return spelt(literal.text); },
                                                                [](const std::vector<Literal>& list) {
                                                                  std::string values = "list{";
                                                                  for (const Literal& literal : list)
                                                                    values += spelt(literal.text) + ';';
                                                                  return values + '}';
                                                                },
                                                                [](const ValueOf& value) { return "val " + spelt(value.field); },
                                                                [](const Transform& side) { return spelt(side); }},
                                                       node.right);
                             }},
                    expr.node);
}

class Chance {
 public:
  explicit Chance(unsigned seed) : engine_(seed) {}

  std::size_t below(std::size_t end) { return std::uniform_int_distribution<std::size_t>(0, end - 1)(engine_); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <class T, std::size_t N>
  const T& pick(const T (&from)[N]) {
    return from[below(N)];
  }

  // Bytes that mean something to the grammar, and others.
  std::string text() {
    static constexpr char kBytes[] = {'a',  'b',  ' ',  '"',  '\'', '\\', '(',  ')',    '=',    ',', '[', ']', '%',
                                      '\n', '\t', '\r', '\b', '\f', '\v', '\0', '\x7f', '\xc3', 'x', '/', '.', '5'};
    std::string out;
    while (!one_in(4)) out += pick(kBytes);
    return out;
  }
  std::string value() {
    static constexpr const char* kWords[] = {"anyof", "val", "and", "or", "not", "in", "exists", "tolower", "0x1f", "-5", "\\"};
    return one_in(4) ? pick(kWords) : text();
  }
  std::string number() {
    static constexpr const char* kNumbers[] = {"0", "-5", "+7", "1.5", "1.", "1e+3"};
    return pick(kNumbers);
  }
  FieldRef field() {
    static constexpr const char* kNames[] = {"a.b", "proc.name", "in.or.not", "A_1.b2", "tolower.x"};
    FieldRef ref{pick(kNames), std::nullopt, {}};
    if (one_in(3)) ref.argument = text();
    return ref;
  }
  Literal literal(std::string value, bool quoted = true) { return {std::move(value), quoted, {}}; }

  TransformArgument argument(std::size_t depth, bool list) {
    switch (below(list ? 5 : 4)) {
      case 0:
        return {field()};
      case 1:
        return {literal(text())};
      case 2:
        return {literal(number(), false)};
      case 3:
        if (depth > 3) return {field()};
        return {std::make_unique<Transform>(transform(depth + 1))};
      default: {
        TransformList items;
        while (!one_in(3)) items.items.push_back(argument(depth, false));
        return {std::move(items)};
      }
    }
  }
  Transform transform(std::size_t depth = 0) {
    static constexpr const char* kNames[] = {"tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt"};
    Transform call{pick(kNames), {}, std::nullopt, {}};
    do {
      call.arguments.push_back(argument(depth, true));
    } while (one_in(2));
    if (one_in(4)) call.index = text();
    return call;
  }

  Compare compare() {
    static constexpr Operator kStringOperators[] = {Operator::kEqual,    Operator::kNotEqual,   Operator::kContains,
                                                    Operator::kRegex,    Operator::kGlob,       Operator::kIglob,
                                                    Operator::kEndswith, Operator::kStartswith, Operator::kBstartswith};
    static constexpr Operator kNumberOperators[] = {Operator::kLess, Operator::kLessEqual, Operator::kGreater,
                                                    Operator::kGreaterEqual};
    static constexpr Operator kListOperators[] = {Operator::kIn, Operator::kIntersects, Operator::kPmatch};
    static constexpr Modifier kModifiers[] = {Modifier::kOneof, Modifier::kAnyof, Modifier::kAllof};
    Compare out;
    if (one_in(3)) {
      out.left = transform();
    } else {
      out.left = field();
    }
    const std::size_t kind = below(6);
    if (kind == 0) return out;
    out.op = kind == 1 ? pick(kNumberOperators) : kind < 4 ? pick(kStringOperators) : pick(kListOperators);
    if (one_in(6)) {
      out.right = ValueOf{field()};
    } else if (one_in(6)) {
      out.right = transform();
    } else if (kind == 1) {
      out.right = literal(number());
    } else if (kind < 4 && !one_in(4)) {
      out.right = literal(value());
    } else {
      if (kind < 4) out.modifier = pick(kModifiers);
      std::vector<Literal> list;
      while (!one_in(3)) list.push_back(literal(value()));
      out.right = std::move(list);
    }
    return out;
  }

  // `inside`: not directly below another not, which the parser would cancel.
  ExprPtr expr(std::size_t depth = 0, bool inside_not = false) {
    static constexpr const char* kMacros[] = {"m", "and", "or_", "exists", "nothing", "in"};
    auto out = std::make_unique<Expr>();
    const std::size_t kind = depth > 4 ? 4 + below(4) : below(8);
    const auto operands = [&] {
      std::vector<ExprPtr> all;
      do {
        all.push_back(expr(depth + 1));
      } while (all.size() < 2 || one_in(2));
      return all;
    };
    if (kind == 0) {
      out->node = And{operands()};
    } else if (kind == 1) {
      out->node = Or{operands()};
    } else if (kind == 2 && !inside_not) {
      out->node = Not{expr(depth + 1, true)};
    } else if (kind == 3) {
      out->node = MacroRef{pick(kMacros)};
    } else {
      out->node = compare();
    }
    return out;
  }

 private:
  std::mt19937 engine_;
};

TEST(Parser, ReadsBackTreesOfChance) {
  Chance chance(1);
  for (int i = 0; i < 20'000; ++i) {
    const ExprPtr tree = chance.expr();
    const std::string text = dump(*tree);
    const auto read = parse(text);
    ASSERT_TRUE(read) << text << "\n" << read.error().message << " at " << read.error().offset;
    ASSERT_EQ(spelt(**read), spelt(*tree)) << text;
    ASSERT_EQ(dump(**read), text);
  }
}

TEST(Parser, SpansNameTheirText) {
  const std::string text = "mA and  proc.aname[2]  contains  'x y'";
  const auto tree = parse(text);
  ASSERT_TRUE(tree);
  const auto& check = *std::get<And>((*tree)->node).operands[1];
  const auto& compare = std::get<Compare>(check.node);
  const auto cut = [&](Span span) { return text.substr(span.begin, span.end - span.begin); };
  EXPECT_EQ(cut(check.span), "proc.aname[2]  contains  'x y'");
  EXPECT_EQ(cut(std::get<FieldRef>(compare.left).span), "proc.aname[2]");
  EXPECT_EQ(cut(compare.op_span), "contains");
  EXPECT_EQ(cut(std::get<Literal>(compare.right).span), "'x y'");
}

}  // namespace
}  // namespace shrike::lang
