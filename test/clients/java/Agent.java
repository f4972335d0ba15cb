import java.net.URI;
import java.net.http.WebSocket;
import java.nio.file.Path;
import java.util.Map;
import java.util.Scanner;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;

/** Carries out the orders of a test: lines of fields between tabs, as `test/clients/agent.ts` writes and reads them. */
final class Agent {
  private static final Map<String, CompletableFuture<WebSocket>> sockets = new ConcurrentHashMap<>();

  public static void main(String[] arguments) {
    var parley = new Parley(URI.create(arguments[0]));
    for (var lines = new Scanner(System.in); lines.hasNextLine();) {
      var order = lines.nextLine().split("\t", -1);
      CompletableFuture.runAsync(() -> carryOut(parley, order));
    }
    System.exit(0);
  }

  private static void carryOut(Parley parley, String[] order) {
    var id = order[1];
    try {
      switch (order[0]) {
        case "post" -> say(id, "result", parley.post(order[3], order[2]));
        case "upload" -> say(id, "result", parley.upload(order[3], Path.of(order[4]), order[2]));
        case "follow" -> follow(parley, id, order[3], order[2]);
        default -> sockets.get(id).thenAccept(WebSocket::abort);
      }
    } catch (Exception error) {
      say(id, "failed", String.valueOf(error));
    }
  }

  private static void follow(Parley parley, String id, String operation, String token) {
    var socket = parley.follow(operation, token, new Parley.Events() {
      public void message(String message) {
        say(id, "message", message);
      }

      public void closed(int code) {
        say(id, "closed", String.valueOf(code));
      }
    });
    sockets.put(id, socket.toCompletableFuture());
    socket.exceptionally(error -> {
      say(id, "closed", "1006");
      return null;
    });
  }

  private static synchronized void say(String id, String kind, String text) {
    System.out.println(id + "\t" + kind + "\t" + text);
  }
}
