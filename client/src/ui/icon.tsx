const paths = {
  back: 'M15 5l-7 7 7 7',
  close: 'M6 6l12 12M18 6L6 18',
  send: 'M12 19V5M6 11l6-6 6 6',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  clock: 'M12 7v5l3 2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z',
  alert: 'M12 8v5M12 16.5v.01M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z',
  down: 'M12 5v14M6 13l6 6 6-6',
  reply: 'M9 7L4 12l5 5M4 12h9a7 7 0 0 1 7 7',
  pencil: 'M4 20l.8-4L16 4.8a1.7 1.7 0 0 1 2.4 0l.8.8a1.7 1.7 0 0 1 0 2.4L8 19.2 4 20z',
  trash: 'M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12M10.5 11v5M13.5 11v5',
  shuffle:
    'M4 8h3c5 0 5 8 10 8h3M4 16h3c1.6 0 2.7-.8 3.5-2M13.5 10c.8-1.2 1.9-2 3.5-2h3M17.5 5.5L20 8l-2.5 2.5M17.5 13.5L20 16l-2.5 2.5',
  search: 'M16 16l4 4M18 11a7 7 0 1 1-14 0 7 7 0 0 1 14 0z',
  plus: 'M12 5v14M5 12h14',
  people: 'M12 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM5 19.5c.6-3.2 3.4-5 7-5s6.4 1.8 7 5',
  room: 'M9.5 5L8 19M16 5l-1.5 14M5 9.5h15M4 14.5h15',
  leave: 'M14 8V5H5v14h9v-3M10 12h11M17.5 8.5L21 12l-3.5 3.5',
  next: 'M5 5l8 7-8 7zM18 5v14',
  clip: 'M19 11.5l-7.5 7.5a4.5 4.5 0 0 1-6.4-6.4L13 4.8a3 3 0 0 1 4.2 4.2l-7.6 7.7a1.5 1.5 0 0 1-2.1-2.1l6.9-7',
  file: 'M14 4H7v16h11V8zM14 4v4h4',
  write: 'M5 6h14v10h-8l-4 3.5V16H5z',
} as const;

/** Name of an icon. */
export type IconName = keyof typeof paths;

/** An icon. Hidden from screen readers: put a text or a label next to it. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
