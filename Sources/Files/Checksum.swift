internal import CJackdaw

/// CRC-32C (Castagnoli), by instruction where the processor has it.
package func crc32c(_ bytes: UnsafeRawBufferPointer) -> UInt32 { jd_crc32c(0, bytes.baseAddress, bytes.count) }
