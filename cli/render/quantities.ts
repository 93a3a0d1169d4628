// Numbers as people read them: bytes, counts, shares, durations, times. Pure.

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'] as const;

/** `1.5 MB`; 1 KB = 1024 bytes. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? 'B'}`;
}

/** `1,234,567` */
export function countText(count: number): string {
  // Not toLocaleString: it would load the tables of all languages.
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 lot`, `2 lots` */
export function counted(count: number, noun: string): string {
  return `${countText(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** As many as a half float holds. */
const SIGNIFICANT = 4;
const MOST_DECIMALS = 6;

/** How to write the feature activations of one list: all with as many decimals as its greatest value has in four significant digits. */
export function valueFormat(values: readonly number[]): (value: number) => string {
  const greatest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const digits = greatest === 0 ? 1 : Math.floor(Math.log10(greatest)) + 1;
  const decimals = Math.min(MOST_DECIMALS, Math.max(0, SIGNIFICANT - digits));
  return (value) => value.toFixed(decimals);
}

/** `3 h 4 m`, `2 m 5 s`, `41 s` */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (h > 0) return `${h} h ${m} m`;
  return m > 0 ? `${m} m ${s} s` : `${s} s`;
}

/** `2026-11-22 19:14:05Z` */
export function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}
