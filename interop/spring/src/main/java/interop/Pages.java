package interop;

import static org.springframework.security.oauth2.client.web.client.RequestAttributeClientRegistrationIdResolver.clientRegistrationId;

import java.util.Map;

import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.web.csrf.CsrfToken;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;

/** What the app shows to a browser, and what the API answers to the app. */
@RestController
class Pages {
    private final RestClient calls;

    Pages(RestClient calls) {
        this.calls = calls;
    }

    /** What the id_token and the userinfo endpoint say of the person. */
    @GetMapping("/me")
    Map<String, Object> me(@AuthenticationPrincipal OidcUser user) {
        return Map.of(
                "id_token", user.getIdToken().getClaims(),
                "userinfo", user.getUserInfo() == null ? Map.of() : user.getUserInfo().getClaims());
    }

    /** What the API answers when the app calls it for the person, with a fresh access token where the last one is over. */
    @GetMapping("/notes")
    String notes() {
        return calls.get().uri("/notes").attributes(clientRegistrationId("safeconduct")).retrieve().body(String.class);
    }

    /** The API says which access token let the request in. */
    @GetMapping("/api/notes")
    Map<String, Object> notes(@AuthenticationPrincipal Jwt accessToken) {
        return Map.of("sub", accessToken.getSubject(), "jti", accessToken.getId(), "aud", accessToken.getAudience());
    }

    @GetMapping(path = "/sign-out", produces = "text/html")
    String signOut(CsrfToken csrf) {
        return """
                <!doctype html><title>Sign out</title>
                <form id="sign-out" method="post" action="/logout">
                <input type="hidden" name="%s" value="%s"><button id="sign-out-submit">Sign out</button></form>
                """.formatted(csrf.getParameterName(), csrf.getToken());
    }

    @GetMapping("/signed-out")
    String signedOut() {
        return "signed out";
    }
}
