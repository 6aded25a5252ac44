import Configuration
import Testing

struct PropertiesTests {
    /// The expected values are those of java.util.Properties.
    @Test(arguments: [
        ("a=b", "a", "b"), ("a = b ", "a", "b "), ("a:b", "a", "b"), ("a b", "a", "b"), ("  a=b", "a", "b"),
        ("a=", "a", ""), ("a", "a", ""), ("a=b=c", "a", "b=c"), ("a\\=b=c", "a=b", "c"), ("a\\ b c", "a b", "c"),
        ("a=one,\\\n   two", "a", "one,two"), ("a=one\\\r\n  two\r\nb=3", "a", "onetwo"), ("# c\n! d\n\na=b", "a", "b"),
        ("a=x\\ty", "a", "x\ty"), ("a=\\u00e9", "a", "é"), ("a=1\na=2", "a", "2"), ("a=#b", "a", "#b"),
        ("a\\\n =b", "a", "b"), ("a=b\\", "a", "b"), ("a\t=\tb", "a", "b"),
    ])
    func `a line reads as in Java`(text: String, key: String, value: String) throws {
        #expect(try Properties(parsing: text)[key] == value)
    }

    @Test func `a broken unicode escape is an error with its line`() {
        #expect(throws: ConfigurationError(key: "", message: "line 2: \\u needs four hexadecimal digits")) {
            try Properties(parsing: "a=b\nc=\\u12x")
        }
    }

    @Test func `any text is read without a trap`() throws {
        var random = SystemRandomNumberGenerator()
        let pieces = ["\\", "\n", "\r", "=", ":", " ", "\\u", "a", "#", "!", "é", "\t", "12", "\u{0C}"]
        for _ in 0..<2000 {
            let text = (0..<Int.random(in: 0..<20, using: &random)).map { _ in pieces.randomElement(using: &random)! }.joined()
            _ = try? Properties(parsing: text)
        }
    }
}
