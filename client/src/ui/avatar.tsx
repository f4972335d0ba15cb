import { useState } from 'react';
import { Icon } from './icon.tsx';

interface AvatarProps {
  user: { name: string; avatarUrl?: string };
  size?: 'small' | 'medium' | 'large';
  isOnline?: boolean;
}

/** A user's picture, or the first letter of the name when it does not load. The name is beside it: it says nothing. */
export function Avatar({ user, size = 'medium', isOnline = false }: AvatarProps) {
  const [broken, setBroken] = useState<string | null>(null);
  const isShown = user.avatarUrl !== undefined && broken !== user.avatarUrl;
  return (
    <span className={`avatar avatar-${size}`} data-online={isOnline || undefined} aria-hidden="true">
      {isShown ? (
        <img src={user.avatarUrl} alt="" draggable="false" onError={() => setBroken(user.avatarUrl ?? null)} />
      ) : (
        <span>{Array.from(user.name.trim())[0]?.toUpperCase()}</span>
      )}
    </span>
  );
}

/** Stands for a room where a user's picture would be. */
export function RoomAvatar({ size = 'medium' }: { size?: 'small' | 'medium' | 'large' }) {
  return (
    <span className={`avatar avatar-room avatar-${size}`} aria-hidden="true">
      <Icon name="room" />
    </span>
  );
}
