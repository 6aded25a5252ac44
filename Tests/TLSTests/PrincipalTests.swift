import TLS
import Testing

/// Names as Java and Kafka have them; the expected ones come from Java's X500Principal and Kafka's SslPrincipalMapper.
@Suite struct PrincipalTests {
    @Test func `subjects read as X500Principal.getName() gives them`() throws {
        let expected = text(of: fixtures + "/subjects.txt").split(separator: "\n").map(String.init)
        let blocks = text(of: fixtures + "/subjects.pem").components(endingWith: "-----END CERTIFICATE-----\n")
        #expect(expected.count == 5 && blocks.count == 5)
        #expect(try blocks.map { try CertificateSummary(pem: $0).subject } == expected)
    }

    @Test func `mapping rules give what Kafka's SslPrincipalMapper gives`() throws {
        let cases = text(of: fixtures + "/principal-rules.tsv").split(separator: "\n")
        #expect(cases.count == 16)
        for line in cases {
            let cell = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            let name = try PrincipalMapping(cell[0]).name(for: cell[1])
            #expect(name == (cell[2] == "!" ? nil : cell[2]), "\(line)")
        }
    }

    @Test(arguments: ["RULE:abc", "RULE:a/b", "NOPE", "RULE:a/b/X", "DEFAULT,nope", "RULE:(/x/", "RULE:a/b/LDEFAULT"])
    func `rules that Kafka refuses are refused`(rules: String) {
        #expect(throws: TLSError.self) { try PrincipalMapping(rules) }
    }

    @Test func `a rule whose search has no end fits no name`() throws {
        let name = "CN=" + String(repeating: "a", count: 60) + "!"
        #expect(try PrincipalMapping("RULE:^CN=(a|aa|aaa)+$/$1/,DEFAULT").name(for: name) == name)
    }

    @Test func `an empty rule between commas is passed over, as in Kafka`() throws {
        #expect(try PrincipalMapping("RULE:a/b/L,,DEFAULT").name(for: "CN=x") == "CN=x")
    }
}

extension String {
    func components(endingWith end: String) -> [String] {
        split(separator: end).map { $0 + end }.filter { $0.contains("BEGIN") }
    }
}
