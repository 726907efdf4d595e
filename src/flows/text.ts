// SPDX-License-Identifier: Apache-2.0
// Text out of records. All of it may be hostile: whoever shows it escapes it.

// Invalid UTF-8 becomes U+FFFD; a leading byte order mark is data like any other.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

export const readText = (data: DataView, at: number, length: number): string =>
  utf8.decode(new Uint8Array(data.buffer, data.byteOffset + at, length))

/** A zero-terminated string in a fixed field. */
export const readCString = (data: DataView, at: number, size: number): string => {
  let n = 0
  while (n < size && data.getUint8(at + n) !== 0) n++
  return readText(data, at, n)
}
