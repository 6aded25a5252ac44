import Crypto
import Testing

@Suite struct CryptoTests {
    @Test func `digests of "abc" are those of FIPS 180`() {
        #expect(
            hex(HashFunction.sha256.digest("abc".utf8))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            hex(HashFunction.sha512.digest("abc".utf8))
                == "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f")
        #expect(
            hex(HashFunction.sha256.digest([])) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }

    @Test func `HMAC agrees with RFC 4231, cases 2 and 6`() {
        #expect(
            hex(HashFunction.sha256.hmac(key: "Jefe".utf8, "what do ya want for nothing?".utf8))
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(
            hex(HashFunction.sha512.hmac(key: "Jefe".utf8, "what do ya want for nothing?".utf8))
                == "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                + "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737")
        let longKey = [UInt8](repeating: 0xAA, count: 131)
        #expect(
            hex(HashFunction.sha256.hmac(key: longKey, "Test Using Larger Than Block-Size Key - Hash Key First".utf8))
                == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }

    @Test func `an empty HMAC key is a key of its own, not the one of the call before`() {
        _ = HashFunction.sha256.hmac(key: "secret".utf8, "x".utf8)
        #expect(
            hex(HashFunction.sha256.hmac(key: [UInt8](), [UInt8]()))
                == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
    }

    @Test func `PBKDF2 with SHA-256 agrees with RFC 7914, section 11`() {
        #expect(
            hex(HashFunction.sha256.pbkdf2(password: "passwd".utf8, salt: "salt".utf8, iterations: 1, count: 64))
                == "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
                + "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783")
        #expect(
            hex(HashFunction.sha256.pbkdf2(password: "Password".utf8, salt: "NaCl".utf8, iterations: 80000, count: 64))
                == "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"
                + "a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d")
    }

    @Test func `SCRAM-SHA-256 of RFC 7677 comes out of these parts`() {
        let salted = HashFunction.sha256.pbkdf2(
            password: "pencil".utf8, salt: base64("W22ZaJ0SNY7soEsUEjb6gQ=="), iterations: 4096, count: 32)
        let clientKey = HashFunction.sha256.hmac(key: salted, "Client Key".utf8)
        let message = """
            n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
            s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0
            """
        let signature = HashFunction.sha256.hmac(key: HashFunction.sha256.digest(clientKey), message.utf8)
        let proof = zip(clientKey, signature).map { $0 ^ $1 }
        #expect(proof == base64("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="))
    }

    @Test func `random bytes differ, and comparison looks at length and content`() {
        let first = Secrets.randomBytes(32)
        #expect(first != Secrets.randomBytes(32))
        #expect(Secrets.areEqual(first, first))
        #expect(!Secrets.areEqual(first, Array(first.dropLast())))
        #expect(!Secrets.areEqual([1, 2, 3], [1, 2, 4]))
        #expect(Secrets.areEqual([], []))
    }
}

func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

func base64(_ text: String) -> [UInt8] {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var bits = 0, count = 0
    var bytes: [UInt8] = []
    for character in text.utf8 {
        guard let digit = alphabet.firstIndex(of: character) else { continue }
        bits = (bits << 6 | digit) & 0xFFFFFF
        count += 6
        if count >= 8 { count -= 8; bytes.append(UInt8(bits >> count & 255)) }
    }
    return bytes
}
