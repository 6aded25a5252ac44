/// Users and passwords that a broker's configuration gives to PLAIN.
enum JaasUsers {
    static func password(of user: String, in config: [(key: String, value: String)]) -> String? {
        for (key, value) in config where key.hasSuffix(".plain.sasl.jaas.config") {
            let marker = "user_\(user)=\""
            guard let start = value.firstRange(of: marker)?.upperBound else { continue }
            return String(value[start...].prefix { $0 != "\"" })
        }
        return nil
    }
}
