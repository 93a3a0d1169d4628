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

/** A feature activation: four significant digits, as many as a half float holds. */
export function valueText(value: number): string {
  return Number(value.toPrecision(4)).toString();
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
