import Foundation
import KafkaWire

/// Holds a decoded message against Kafka's JSON of it, property by property, by reflection.
///
/// What the JSON does not have is not looked at: fields that the version lacks, tagged fields with their default.
struct JSONComparison {
    private(set) var differences: [String] = []
    private(set) var values = 0

    mutating func compare(_ value: any WireStruct, _ json: [String: Any], at path: String) {
        let properties = Dictionary(
            uniqueKeysWithValues: Mirror(reflecting: value).children.compactMap { child in
                child.label.map { ($0, child.value) }
            })
        for (name, expected) in json {
            guard let property = properties[name] else {
                differences.append("\(path).\(name): no such property")
                continue
            }
            compareValue(property, expected, at: "\(path).\(name)")
        }
    }

    private mutating func compareValue(_ property: Any, _ expected: Any, at path: String) {
        let value = unwrapped(property)
        switch (value, expected) {
        case (nil, let expected):
            expect(expected is NSNull, "null", expected, path)
        case (let array as any ReflectedArray, let expected as [Any]):
            expect(array.elements.count == expected.count, array.elements.count, expected.count, path)
            for (index, pair) in zip(array.elements, expected).enumerated() {
                compareValue(pair.0, pair.1, at: "\(path)[\(index)]")
            }
        case (let integers as WireIntegers<Int8>, let expected as String):
            // An array of int8 is an array in the JSON of some messages and base64 in none; kept to say so if it changes.
            expect(Data(integers.bytes.array).base64EncodedString() == expected, "int8 array", expected, path)
        case (let bytes as WireBytes, let expected as String):
            let isSame = bytes.string == expected || Data(bytes.array).base64EncodedString() == expected
            expect(isSame, bytes.string, expected, path)
        case (let uuid as Uuid, let expected as String):
            expect(uuid.description == expected && Uuid(expected) == uuid, uuid, expected, path)
        case (let bool as Bool, let expected as NSNumber):
            expect(bool == expected.boolValue, bool, expected, path)
        case (let double as Double, let expected as NSNumber):
            expect(double == expected.doubleValue, double, expected, path)
        case (let integer as any BinaryInteger, let expected as NSNumber):
            expect(Int64(integer) == expected.int64Value, integer, expected, path)
        case (let nested as any WireStruct, let expected as [String: Any]):
            compare(nested, expected, at: path)
        case (is WireRecords, let expected):
            // Kafka's JSON leaves records out, as an empty string or null.
            expect(expected is NSNull || expected as? String == "", "records", expected, path)
        default:
            differences.append("\(path): \(property) against \(expected)")
        }
    }

    private mutating func expect(_ isSame: Bool, _ value: Any, _ expected: Any, _ path: String) {
        values += 1
        if !isSame { differences.append("\(path): \(value) is not \(expected)") }
    }

    private func unwrapped(_ value: Any) -> Any? {
        let mirror = Mirror(reflecting: value)
        if mirror.displayStyle != .optional { return value }
        return mirror.children.first.map(\.value)
    }
}

private protocol ReflectedArray {
    var elements: [Any] { get }
}

extension WireArray: ReflectedArray {
    fileprivate var elements: [Any] { map { $0 } }
}

extension WireIntegers: ReflectedArray {
    fileprivate var elements: [Any] { map { $0 } }
}
