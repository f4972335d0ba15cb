import { useEffect, useState } from 'react';
import { texts } from '../ui/texts.ts';
import { useReadable } from '../ui/use-readable.ts';
import type { Connection } from '../urql/socket.ts';
import type { Readable } from '../urql/value.ts';

/** How long an outage must last before the bar is shown. */
const showAfterMs = 2_000;

/** A slim bar above the content, shown while the client is reconnecting. */
export function ConnectionBar({ connection }: { connection: Readable<Connection> }) {
  const present = useReadable(connection);
  const isShown = useHasPassed(present.state === 'reconnecting' ? present.since + showAfterMs : null);
  return (
    <div className="connection" role="status">
      {isShown && (
        <p className="connection-bar">
          <span className="connection-dot" aria-hidden="true" />
          {navigator.onLine ? texts.connection.reconnecting : texts.connection.offline}
        </p>
      )}
    </div>
  );
}

/** Returns true once `time`, in milliseconds since the epoch, has passed; false for null. */
function useHasPassed(time: number | null): boolean {
  const [passedTime, setPassedTime] = useState<number | null>(null);
  useEffect(() => {
    if (time === null) return;
    const timer = setTimeout(() => setPassedTime(time), Math.max(0, time - Date.now()));
    return () => clearTimeout(timer);
  }, [time]);
  return time !== null && passedTime === time;
}
