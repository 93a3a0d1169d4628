// Where the tensors of a safetensors file lie among its data: one after the other from the first byte to the last, as the format says.
// Ranges that overlap, or bytes that no tensor has, belong to a damaged file or hide something in it. Reads no data.

/** Longest part of a name that a message shows. */
const SHOWN = 200;

/** A tensor's bytes, counted from the end of the header. */
export interface DataRange {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** What is wrong with ranges that end within a file's data, with names and offsets; null where nothing is. */
export function layoutFault(ranges: readonly DataRange[], dataBytes: number): string | null {
  const sorted = [...ranges].sort((a, b) => a.from - b.from || a.to - b.to);
  let last: DataRange | null = null;
  for (const range of sorted) {
    const end = last?.to ?? 0;
    if (last && range.from < end) return `tensors ${shownRange(last)} and ${shownRange(range)} overlap`;
    if (range.from > end)
      return `bytes ${end} to ${range.from} of its data, before tensor ${shownRange(range)}, belong to no tensor`;
    last = range;
  }
  const end = last?.to ?? 0;
  if (end >= dataBytes) return null;
  const place = last ? `after its last tensor ${shownRange(last)}` : 'which has no tensor';
  return `bytes ${end} to ${dataBytes} of its data, ${place}, belong to no tensor`;
}

/** A name as JSON escapes it: it may hold anything. */
function shownRange({ name, from, to }: DataRange): string {
  return `${JSON.stringify(name.slice(0, SHOWN))} [${from}, ${to})`;
}
