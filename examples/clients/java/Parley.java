import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** A client on java.net.http alone. Operations are JSON with `query` and `variables`; an app makes and reads it with its library. */
final class Parley {
  private final HttpClient http = HttpClient.newHttpClient();
  private final URI url;

  Parley(URI url) {
    this.url = url;
  }

  // snippet: post
  /** Runs a query or a mutation and returns the response. If its error is UNAUTHENTICATED, refresh the token and repeat it. */
  String post(String operation, String token) throws IOException, InterruptedException {
    var request = authorized(token)
        .header("Content-Type", "application/json")
        .header("Accept", "application/graphql-response+json, application/json")
        .POST(BodyPublishers.ofString(operation));
    return http.send(request.build(), BodyHandlers.ofString()).body();
  }

  private HttpRequest.Builder authorized(String token) {
    var request = HttpRequest.newBuilder(url);
    return token.isEmpty() ? request : request.header("Authorization", "Bearer " + token);
  }
  // end

  // snippet: follow
  /** Receiver of a subscription. */
  interface Events {
    /** Called with each message of the protocol: `next`, `error` or `complete`. */
    void message(String message);

    /** After 4403 refresh the token; after any code connect again, with the highest `position` as `after`. */
    void closed(int code);
  }

  /** Runs a subscription over a WebSocket by the protocol graphql-transport-ws. */
  CompletionStage<WebSocket> follow(String operation, String token, Events events) {
    var address = URI.create(url.toString().replaceFirst("^http", "ws"));
    return http.newWebSocketBuilder()
        .subprotocols("graphql-transport-ws")
        .buildAsync(address, new Listener(operation, token, events));
  }

  private static final class Listener implements WebSocket.Listener {
    private final String operation;
    private final String token;
    private final Events events;
    private final StringBuilder text = new StringBuilder();
    /** `sendText` fails while another message is being sent. */
    private CompletionStage<?> sent = CompletableFuture.completedStage(null);

    Listener(String operation, String token, Events events) {
      this.operation = operation;
      this.token = token;
      this.events = events;
    }

    @Override
    public void onOpen(WebSocket socket) {
      send(socket, "{\"type\":\"connection_init\",\"payload\":{\"authorization\":\"Bearer " + token + "\"}}");
      socket.request(1);
    }

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean isLast) {
      text.append(part);
      if (isLast) read(socket, text.toString());
      if (isLast) text.setLength(0);
      socket.request(1);
      return null;
    }

    private void read(WebSocket socket, String message) {
      if (message.contains("\"type\":\"connection_ack\""))
        send(socket, "{\"id\":\"1\",\"type\":\"subscribe\",\"payload\":" + operation + "}");
      else if (message.contains("\"type\":\"ping\"")) send(socket, "{\"type\":\"pong\"}");
      else events.message(message);
    }

    private void send(WebSocket socket, String message) {
      sent = sent.thenCompose(done -> socket.sendText(message, true));
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
      events.closed(code);
      return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable error) {
      events.closed(1006);
    }
  }
  // end

  // snippet: upload
  /** Uploads a file by a mutation whose variable `file` is null, and returns the response. */
  String upload(String operation, Path file, String token) throws IOException, InterruptedException {
    var boundary = "parley-boundary";
    var request = authorized(token)
        .header("Content-Type", "multipart/form-data; boundary=" + boundary)
        .POST(BodyPublishers.ofByteArrays(List.of(
            part(boundary, "name=\"operations\"", operation.getBytes()),
            part(boundary, "name=\"map\"", "{\"0\":[\"variables.file\"]}".getBytes()),
            part(boundary, "name=\"0\"; filename=\"" + file.getFileName() + "\"", Files.readAllBytes(file)),
            ("--" + boundary + "--\r\n").getBytes())));
    return http.send(request.build(), BodyHandlers.ofString()).body();
  }

  private static byte[] part(String boundary, String disposition, byte[] content) {
    var head = ("--" + boundary + "\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n").getBytes();
    var part = java.util.Arrays.copyOf(head, head.length + content.length + 2);
    System.arraycopy(content, 0, part, head.length, content.length);
    part[part.length - 2] = '\r';
    part[part.length - 1] = '\n';
    return part;
  }
  // end
}
