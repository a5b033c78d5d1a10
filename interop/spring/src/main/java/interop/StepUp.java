package interop;

import jakarta.servlet.http.HttpServletRequest;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.oauth2.client.web.DefaultOAuth2AuthorizationRequestResolver;
import org.springframework.security.oauth2.client.web.OAuth2AuthorizationRequestResolver;
import org.springframework.security.oauth2.core.endpoint.OAuth2AuthorizationRequest;

/** Spring's own requests, with the {@code acr_values} and the {@code max_age} of the address that begins the sign-in. */
class StepUp implements OAuth2AuthorizationRequestResolver {
    private static final String[] WANTED = {"acr_values", "max_age"};

    private final OAuth2AuthorizationRequestResolver plain;

    StepUp(ClientRegistrationRepository registrations) {
        plain = new DefaultOAuth2AuthorizationRequestResolver(registrations, "/oauth2/authorization");
    }

    @Override
    public OAuth2AuthorizationRequest resolve(HttpServletRequest request) {
        return stronger(request, plain.resolve(request));
    }

    @Override
    public OAuth2AuthorizationRequest resolve(HttpServletRequest request, String registration) {
        return stronger(request, plain.resolve(request, registration));
    }

    private static OAuth2AuthorizationRequest stronger(HttpServletRequest request, OAuth2AuthorizationRequest plain) {
        if (plain == null) {
            return null;
        }
        OAuth2AuthorizationRequest.Builder asked = OAuth2AuthorizationRequest.from(plain);
        for (String name : WANTED) {
            String wanted = request.getParameter(name);
            if (wanted != null) {
                asked.additionalParameters(parameters -> parameters.put(name, wanted));
            }
        }
        return asked.build();
    }
}
