# Every word of the pages, in Arabic (verbal nouns where English has an imperative on a button).

## Every page

skip-to-content = الانتقال إلى المحتوى
title = { $page } – { $product }
title-error = خطأ: { $page } – { $product }
reference = الرقم المرجعي
continue = متابعة
use-another-account = استخدام حساب آخر
return-to = العودة إلى <bdi>{ $client }</bdi>
language-label = اللغة
language-change = تغيير
links = روابط
link-help = المساعدة
link-privacy = الخصوصية
link-terms = شروط الاستخدام
password-show = إظهار كلمة المرور
password-hide = إخفاء كلمة المرور

## Sign in

sign-in-heading = تسجيل الدخول
sign-in-to-continue = للمتابعة إلى <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>
sign-in-again-title = تأكيد هويتك
sign-in-again-heading = يُرجى تأكيد هويتك، <bdi>{ $account }</bdi>
sign-in-again = يُرجى إدخال كلمة المرور مرة أخرى للمتابعة إلى <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>
sign-in-again-or-passkey = يُرجى إدخال كلمة المرور مرة أخرى أو استخدام مفتاح مرور للمتابعة إلى <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>
sign-in-username = اسم المستخدم
sign-in-password = كلمة المرور
sign-in-submit = تسجيل الدخول

passkey-use = استخدام مفتاح مرور
passkey-cancelled = لم يُستخدم أي مفتاح مرور. حاول مرة أخرى أو اختر طريقة أخرى.
passkey-failed = لا يمكن لهذا المتصفح استخدام مفتاح مرور هنا. اختر طريقة أخرى.
passkey-needs-script = لاستخدام مفتاح المرور، فعّل JavaScript لهذه الصفحة في متصفح يدعم مفاتيح المرور.

problem-heading = هناك مشكلة
problem-credentials = اسم المستخدم أو كلمة المرور غير صحيح. يُرجى التحقق منهما والمحاولة مرة أخرى.
problem-password = كلمة المرور غير صحيحة. يُرجى التحقق منها والمحاولة مرة أخرى.
problem-username-missing = يُرجى إدخال اسم المستخدم.
problem-password-missing = يُرجى إدخال كلمة المرور.
problem-throttled = محاولات كثيرة جدًا. { $minutes ->
    [zero] يُرجى الانتظار أقل من دقيقة
    [one] يُرجى الانتظار دقيقة واحدة
    [two] يُرجى الانتظار دقيقتين
    [few] يُرجى الانتظار { $minutes } دقائق
    [many] يُرجى الانتظار { $minutes } دقيقة
   *[other] يُرجى الانتظار { $minutes } دقيقة
 }، ثم المحاولة مرة أخرى.
problem-passkey = لم يُقبل مفتاح المرور هذا. حاول مرة أخرى أو اختر طريقة أخرى.
problem-busy = عدد من يسجّلون الدخول الآن كبير جدًا. يُرجى الانتظار قليلًا ثم المحاولة مرة أخرى.

## A second factor

second-factor-passkey-heading = التأكيد بمفتاح المرور
second-factor-heading = إدخال الرمز
second-factor-account = تسجيل الدخول باسم <strong><bdi>{ $account }</bdi></strong>
second-factor-code = الرمز من تطبيق المصادقة
second-factor-use-recovery-code = استخدام رمز استرداد
second-factor-recovery-code = رمز الاسترداد
second-factor-recovery-submit = استخدام رمز الاسترداد هذا
problem-code = هذا الرمز غير صحيح أو سبق استخدامه. يُرجى انتظار الرمز التالي ثم المحاولة مرة أخرى.
problem-code-missing = يُرجى إدخال الأرقام الستة التي يعرضها تطبيق المصادقة.
problem-recovery-code = رمز الاسترداد هذا غير صحيح أو سبق استخدامه.
problem-recovery-code-missing = يُرجى إدخال أحد رموز الاسترداد: ستة عشر حرفًا ورقمًا.

enrol-heading = إعداد تطبيق المصادقة
enrol-explanation = يحتاج <strong><bdi>{ $account }</bdi></strong> إلى أكثر من كلمة مرور. يُرجى مسح هذا الرمز بتطبيق مصادقة ثم إدخال الرمز الذي يعرضه.
enrol-choice-heading = إضافة طريقة ثانية لإثبات هويتك
enrol-choice-explanation = يحتاج <strong><bdi>{ $account }</bdi></strong> هنا إلى أكثر من كلمة مرور. يُرجى إضافة وسيلة أخرى تثبت هويتك.
enrol-scan = يُرجى مسح هذا بتطبيق مصادقة وإدخال الرمز الذي يعرضه.
enrol-qr = رمز QR لتطبيق المصادقة
enrol-type = إذا تعذّر المسح، فيمكن كتابة هذا المفتاح في التطبيق:
enrol-code = الرمز الذي يعرضه التطبيق
problem-enrolment-over = ظلّت هذه الصفحة مفتوحة مدة طويلة. يُرجى مسح رمز QR الجديد ثم إدخال الرمز الذي يعرضه التطبيق.

offer-heading = زيادة أمان حسابك
offer-explanation = لا يحمي <strong><bdi>{ $account }</bdi></strong> سوى كلمة مرور. يستطيع كل من يعرفها تسجيل الدخول، ورمز من هاتفك يمنع ذلك.
offer-not-now = ليس الآن

recovery-codes-heading = حفظ رموز الاسترداد
recovery-codes-explanation = يتيح كل رمز منها تسجيل الدخول مرة واحدة بدلًا من تطبيق المصادقة. لن تظهر هذه الرموز إلا هذه المرة.
recovery-codes-advice = يُرجى طباعتها أو تدوينها، وحفظها في مكان لا يصل إليه أحد غيرك.
recovery-codes-saved = تم حفظها

## A password, by a link

recover-link = هل نسيت كلمة المرور؟
recover-heading = استعادة الوصول إلى حسابك
recover-explanation = يُرجى إدخال الاسم الذي تسجّل الدخول به أو عنوان بريدك الإلكتروني. نرسل رابطًا لاختيار طريقة تسجيل الدخول من جديد.
recover-account = اسم المستخدم أو عنوان البريد الإلكتروني
recover-submit = إرسال الرابط
problem-recover-missing = يُرجى إدخال اسم المستخدم أو عنوان البريد الإلكتروني.
recovery-asked-heading = يُرجى الاطلاع على بريدك الإلكتروني
recovery-asked-explanation = إذا كان هناك حساب بهذا الاسم أو العنوان، وكنا نعرف عنوان بريد إلكتروني لصاحبه، فالرابط في طريقه إليه. يعمل الرابط مرة واحدة خلال ثلاثين دقيقة.
recovery-asked-advice = إذا لم يصل شيء، فيُرجى البحث في البريد غير المرغوب فيه، والتحقق مما كتبته، ثم سؤال من يدير هذه الخدمة.

first-sign-in-heading = اختيار طريقة تسجيل الدخول
first-password-heading = اختيار كلمة مرور
new-password-heading = اختيار كلمة مرور جديدة
new-password-ends = يؤدي هذا إلى تسجيل خروجك من كل مكان آخر، وتفقد التطبيقات وصولها إلى أن تسمح به من جديد.
new-password-label = كلمة المرور الجديدة
new-password-again = كلمة المرور الجديدة مرة أخرى
new-password-advice = الحد الأدنى لعدد الأحرف: { $minimum }. من السهل تذكّر بضع كلمات متتالية.
new-password-end-others = تسجيل الخروج من كل مكان آخر وإنهاء ما مُنح للتطبيقات. ستطلبه من جديد.
new-password-submit = تعيين كلمة المرور
problem-new-password-missing = يُرجى إدخال كلمة مرور جديدة.
problem-new-password-differs = كلمتا المرور غير متطابقتين. يُرجى إدخال كلمة المرور الجديدة مرتين.
problem-new-password-short = كلمة المرور هذه قصيرة جدًا. الحد الأدنى لعدد الأحرف: { $minimum }.
problem-new-password-long = كلمة المرور هذه طويلة جدًا. يُرجى اختيار كلمة أقصر.
problem-new-password-character = تحتوي كلمة المرور هذه على حرف لا يمكن كتابته عند تسجيل الدخول. يُرجى اختيار كلمة لا تحتوي عليه.
problem-new-password-common = كلمة المرور هذه من الكلمات التي تُجرَّب أولًا. يُرجى اختيار غيرها، مثل بضع كلمات متتالية.
problem-new-password-name = كلمة المرور هذه اسم أو عنوان لك أو لهذه الخدمة. يُرجى اختيار كلمة لا تدل على أيٍّ منهما.

## Choosing an account

not-admitted-heading = لا يمكنك استخدام هذا التطبيق
not-admitted-lead = تم تسجيل الدخول هنا باسم <strong><bdi>{ $account }</bdi></strong>، ولا يُسمح لهذا الحساب باستخدام <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>.
not-admitted-ask = للحصول على إذن الدخول، تواصل مع:
not-admitted-ask-owner = للحصول على إذن الدخول، تواصل مع الجهة التي تدير <bdi>{ $client }</bdi>.
select-account-heading = اختيار حساب
select-account-continue = المتابعة باسم <strong><bdi>{ $account }</bdi></strong>

## Consent

consent-title = هل تسمح بوصول { $client }؟
consent-heading = هل تسمح لـ <bdi>{ $client }</bdi> باستخدام حسابك؟
consent-account = أنت <strong><bdi>{ $account }</bdi></strong>
consent-resource = سيُستخدم <strong><bdi>{ $resource }</bdi></strong>
consent-asks = يطلب <bdi>{ $client }</bdi> الإذن بما يلي
consent-asks-more = يطلب <bdi>{ $client }</bdi> الآن الإذن أيضًا بما يلي
consent-asks-nothing = لا يطلب <bdi>{ $client }</bdi> أي إذن معيّن.
consent-identity = هويتك
consent-read = القراءة
consent-change = التغيير
consent-while-away = أثناء غيابك
consent-other = أذونات أخرى
consent-new = جديد
consent-unknown = الإذن <code><bdi>{ $scope }</bdi></code>، بلا وصف
consent-unknown-warning = لم يصف أحد ما يسمح به هذا الإذن. لا تسمح به إلا إذا كنت تعرف الغرض منه.
consent-already-allowed = ما سمحت به من قبل
consent-return = سيعيدك التطبيق إلى <strong><bdi>{ $host }</bdi></strong>
consent-loopback = هذا تطبيق على هذا الكمبيوتر. لا تسمح به إلا إذا كنت قد شغّلته بنفسك للتو.
consent-client-pages = المزيد من <bdi>{ $client }</bdi>:
consent-allow = السماح
consent-deny = عدم السماح

scope-openid = معرفة أنك أنت
scope-profile = الاطلاع على اسمك وصورتك وبقية ملفك الشخصي
scope-email = الاطلاع على عنوان بريدك الإلكتروني
scope-phone = الاطلاع على رقم هاتفك
scope-address = الاطلاع على عنوانك البريدي
scope-groups = الاطلاع على المجموعات التي تنتمي إليها
scope-offline-access = الاحتفاظ بالوصول أثناء عدم استخدامك التطبيق، إلى أن تزيله
scope-admin-read = الاطلاع على كل شيء في هذا الخادم: المستخدمين والتطبيقات والجلسات والمفاتيح والأحداث
scope-admin-write = تغيير كل شيء في هذا الخادم: المستخدمين والتطبيقات والجلسات والمفاتيح
scope-scim = إنشاء المستخدمين والمجموعات وتغييرها وإزالتها

## On the way back to the app

form-post-title = العودة إلى { $client }
form-post-heading = العودة إلى <bdi>{ $client }</bdi>
form-post-explanation = إذا لم يحدث شيء، فاختر «متابعة» للانتقال إلى <strong><bdi>{ $host }</bdi></strong>.

## A redirect too long for a header

go-on-heading = لحظة من فضلك
go-on-explanation = إذا لم يحدث شيء، فاختر «متابعة».

## A form answered before

answered-heading = سبق أن أجبت
answered-explanation = سبقت الإجابة عن هذا السؤال، ربما في علامة تبويب أخرى. لم يبق شيء لفعله هنا.
answered-return-where = يُرجى العودة إلى <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span> للمتابعة.

## Signing out

sign-out-heading = هل تريد تسجيل الخروج؟
sign-out-explanation = ينهي هذا جلستك لدى <bdi>{ $product }</bdi> في هذا المتصفح. قد تُبقيك التطبيقات التي فتحتها مسجّل الدخول إلى أن تسجّل الخروج منها أيضًا.
sign-out-requested = يطلب <strong><bdi>{ $client }</bdi></strong> تسجيل خروجك من <bdi>{ $product }</bdi> في هذا المتصفح. قد تُبقيك التطبيقات الأخرى التي فتحتها مسجّل الدخول إلى أن تسجّل الخروج منها أيضًا.
sign-out-told = يتم إبلاغ هذه التطبيقات وتسجّل خروجك أيضًا
sign-out-return = بعد ذلك تعود إلى <strong><bdi>{ $host }</bdi></strong>
sign-out-unverified = تعذّر التحقق من طلب التطبيق، ولذلك لن تُعاد إليه.
sign-out-submit = تسجيل الخروج
sign-out-cancel = البقاء مسجّل الدخول
signed-out-heading = تم تسجيل خروجك
signed-out-explanation = انتهت جلستك لدى <bdi>{ $product }</bdi> في هذا المتصفح.
signed-out-told = تم تسجيل خروجك أيضًا من
signed-out-not-told = قد تكون لا تزال مسجّل الدخول إلى
signed-out-apps-in-general = قد تكون لا تزال مسجّل الدخول إلى تطبيقات فتحتها. على كمبيوتر مشترك، يُرجى تسجيل الخروج منها أيضًا وإغلاق المتصفح.
signed-out-not-told-advice = تعذّر إبلاغ هذه التطبيقات. على كمبيوتر مشترك، يُرجى تسجيل الخروج منها أيضًا وإغلاق المتصفح.

## The front door

home-explanation = هنا تسأل تطبيقاتك عن هويتك. لتسجيل الدخول، افتح التطبيق الذي تريد استخدامه: سيحضرك إلى هنا.
home-signed-in = أنت مسجّل الدخول باسم <strong><bdi>{ $account }</bdi></strong>
home-signed-out = لم يسجّل أحد الدخول في هذا المتصفح.
home-unclear = أرسل هذا المتصفح ملف تعريف ارتباط لتسجيل الدخول لا يمكن استخدامه، ولذلك لا يمكن معرفة ما إذا كنت مسجّل الدخول. للتأكد، احذف ملفات تعريف الارتباط لهذا الموقع في إعدادات المتصفح.

## Refusals and faults

refusal-sign-in-link = رابط تسجيل الدخول هذا لا يعمل
refusal-expired = انتهت صلاحية هذه الصفحة
refusal-browser = هذه الصفحة تخص تسجيل دخول آخر
refusal-sign-out = لم يُسجَّل خروج أحد
refusal-link = هذا الرابط لا يعمل
refusal-forbidden = لا يمكن فعل ذلك من هنا
refusal-not-found = الصفحة غير موجودة
refusal-method = لا يمكن فتح هذه الصفحة بهذه الطريقة
refusal-too-large = كان ذلك أكبر من أن يُقرأ
refusal-too-many = محاولات كثيرة جدًا
refusal-unavailable = يُرجى المحاولة مرة أخرى بعد لحظات
refusal-code = الرمز
refusal-for-developers = للمطوّرين
refusal-detail = المشكلة
refusal-received = ما تلقّيناه
refusal-received-empty = فارغ
refusal-received-more = { $count ->
    [zero] ولا معاملات أخرى
    [one] ومعامل واحد آخر
    [two] ومعاملان آخران
    [few] و{ $count } معاملات أخرى
    [many] و{ $count } معاملًا آخر
   *[other] و{ $count } معامل آخر
 }
refusal-docs = معنى هذا الرمز
refusal-recover = طلب رابط جديد
refusal-front-page = الصفحة الرئيسية لـ <bdi>{ $product }</bdi>
error-entry-error = رمز الخطأ
error-entry-spec = المواصفة
error-entry-why = سبب حدوث ذلك
error-entry-remedy = ما يمكن أن يفعله القائمون على التطبيق أو هذا الخادم
fault-heading = عذرًا، هناك مشكلة
fault-explanation = المشكلة من جانبنا وليست من جانبك. يُرجى المحاولة مرة أخرى بعد بضع دقائق. إذا تكررت، فأرسل هذا الرقم المرجعي إلى من يدير الخدمة.

## What each refusal says

reason-request-malformed = تعذّرت قراءة الطلب.
    .advice = يُرجى العودة إلى التطبيق والبدء من جديد.
reason-request-too-large = الطلب أكبر مما يقبله هذا الخادم.
    .advice = يُرجى العودة إلى التطبيق والبدء من جديد.
reason-parameter-repeated = يذكر الطلب شيئًا مرتين.
    .advice = يُرجى العودة إلى التطبيق والبدء من جديد.
reason-method-not-allowed = لا يمكن استدعاء هذا العنوان بهذه الطريقة.
reason-form-reopened = كانت هذه الصفحة جزءًا من تسجيل دخول أو خروج، ولا يمكن فتحها مرة أخرى بعنوانها.
    .advice = يُرجى العودة إلى التطبيق والبدء من جديد.
reason-content-type-unsupported = وصل النموذج بشكل لا يقرؤه هذا الخادم.
    .advice = يُرجى العودة إلى التطبيق والبدء من جديد.
reason-credentials-in-query = وصل النموذج بشكل لا يقرؤه هذا الخادم.
    .advice = يُرجى العودة إلى التطبيق والبدء من جديد.
reason-not-found = لا يوجد شيء في هذا العنوان.
reason-host-malformed = لا يذكر الطلب وجهته.
reason-host-unexpected = ليس هذا الاسم المطلوب اسم هذا الخادم.
    .advice = عنوانه هو { $issuer }
reason-speculative-request = طلب متصفح هذا العنوان قبل أن يفتحه أحد.
    .advice = يُرجى فتحه للحصول على الجواب.
reason-client-id-missing = لم يعرّف التطبيق نفسه (client_id).
    .advice = يُرجى العودة إلى التطبيق والمحاولة مرة أخرى.
reason-client-unknown = التطبيق غير مسجّل هنا.
    .advice = يُرجى العودة إلى التطبيق والمحاولة مرة أخرى. إذا تكرر ذلك، فأبلغ المسؤول عن التطبيق.
reason-client-disabled = { reason-client-unknown }
    .advice = { reason-client-unknown.advice }
reason-redirect-uri-missing = لم يذكر التطبيق إلى أين تكون العودة (redirect_uri).
    .advice = يُرجى العودة إلى التطبيق والمحاولة مرة أخرى.
reason-redirect-uri-not-registered = طلب التطبيق العودة إلى عنوان غير مسجّل له.
    .advice = يُرجى العودة إلى التطبيق والمحاولة مرة أخرى. إذا تكرر ذلك، فأبلغ المسؤول عن التطبيق.
reason-pushed-request-not-recognised = لا يعرف هذا الخادم هذا الطلب من ذلك التطبيق.
    .advice = يُرجى العودة إلى التطبيق والبدء من جديد.
reason-pushed-request-expired = طلب التطبيق قديم جدًا.
    .advice = يُرجى العودة إلى التطبيق والبدء من جديد.
reason-pushed-request-used = سبقت الإجابة عن طلب التطبيق.
    .advice = يُرجى العودة إلى التطبيق والبدء من جديد.
reason-pending-request-not-recognised = لا يعرف هذا الخادم هذه الصفحة، أو أنها قديمة جدًا.
    .advice = يُرجى العودة إلى التطبيق والبدء من جديد.
reason-pending-request-expired = بدأ تسجيل الدخول هذا قبل وقت طويل جدًا.
    .advice = يُرجى العودة إلى التطبيق والبدء من جديد.
reason-pending-request-without-cookie = لم يرسل هذا المتصفح ملف تعريف الارتباط الذي بدأ به تسجيل الدخول: إما أنه بدأ في مكان آخر، أو أُغلق المتصفح، أو أنه لا يحفظ ملفات تعريف الارتباط.
    .advice = يُرجى العودة إلى التطبيق والبدء من جديد.
reason-pending-request-from-another-browser = بدأ تسجيل الدخول هذا في متصفح آخر، أو قبل حذف ملفات تعريف الارتباط من هذا المتصفح.
    .advice = يُرجى العودة إلى التطبيق والبدء من جديد.
reason-pending-request-from-another-session = جرى تسجيل دخول آخر في هذا المتصفح منذ عرض هذه الصفحة.
    .advice = يُرجى العودة إلى التطبيق والبدء من جديد.
reason-pending-request-signed-out = لم تعد مسجّل الدخول هنا.
    .advice = يُرجى العودة إلى التطبيق والبدء من جديد.
reason-pending-request-not-due = تسجيل الدخول في خطوة أخرى غير هذه الصفحة.
    .advice = يُرجى العودة إلى التطبيق والبدء من جديد.
reason-cross-site-form = أُرسل النموذج من موقع آخر.
    .advice = يُرجى العودة إلى التطبيق والبدء من جديد.
reason-form-origin-unknown = لم يذكر المتصفح من أين أُرسل النموذج.
    .advice = يُرجى العودة إلى التطبيق والبدء من جديد، في متصفح آخر إذا كان هذا المتصفح لا يذكر ذلك.
reason-sign-out-form-stale = هذه الصفحة تخص تسجيل دخول آخر غير الحالي.
    .advice = يُرجى فتح صفحة تسجيل الخروج مرة أخرى.
reason-decision-missing = لم يذكر النموذج السماح ولا عدم السماح.
    .advice = يُرجى العودة إلى التطبيق والبدء من جديد.
reason-session-cookie-unusable = أرسل هذا المتصفح ملف تعريف ارتباط لتسجيل الدخول لا يمكن استخدامه، ولذلك لم يُسجَّل خروج أحد.
    .advice = للتأكد، احذف ملفات تعريف الارتباط لهذا الموقع في إعدادات المتصفح.
reason-link-not-recognised = لم يُنشئ هذا الخادم رابطًا كهذا، أو لم يصل الرابط كاملًا.
    .advice = يُرجى فتحه مرة أخرى من حيث وصلك، أو طلب رابط جديد هناك.
reason-link-expired = هذا الرابط قديم جدًا.
    .advice = يُرجى طلب رابط جديد من حيث وصلك.
reason-link-used = لم يعد هذا الرابط صالحًا: فقد استُخدم، أو تغيّر الحساب منذ ذلك الحين.
    .advice = يُرجى تسجيل الدخول كالمعتاد، وإذا تعذّر ذلك فيُرجى طلب رابط جديد من حيث وصلك هذا الرابط.
reason-link-of-another-user = هذا الرابط لحساب غير الحساب الذي سجّل الدخول هنا.
    .advice = يُرجى تسجيل الخروج ثم فتحه مرة أخرى.
reason-address-taken = أصبح هذا العنوان لحساب.
    .advice = يُرجى تسجيل الدخول به؛ وإذا نُسيت كلمة مروره فيمكن اختيار أخرى من صفحة تسجيل الدخول.
reason-registration-closed = لا يمكن لأحد إنشاء حساب هنا بنفسه.
    .advice = يُرجى طلب حساب ممن يدير هذه الخدمة.
reason-overloaded = لدى الخادم من العمل أكثر مما يستطيع.
    .advice = يُرجى المحاولة مرة أخرى بعد لحظات.
reason-store-unavailable = لا تستجيب قاعدة بيانات الخادم أو لا تحفظ شيئًا.
    .advice = يُرجى المحاولة مرة أخرى بعد لحظات.
reason-store-rewound = تُظهر قاعدة بيانات الخادم وقتًا أسبق مما كان، ولذلك لا يمكن الحكم على شيء بها.
    .advice = يُرجى المحاولة مرة أخرى لاحقًا.
reason-master-key-missing = ينقص هذا الخادم مفتاح تحتاجه قاعدة بياناته.
    .advice = يُرجى المحاولة مرة أخرى بعد لحظات.
reason-clock-not-believed = ساعة الخادم غير صحيحة، ولذلك لا يمكنه الحكم على شيء.
    .advice = يُرجى المحاولة مرة أخرى بعد لحظات.

## Mails

mail-invite-subject = إعداد حسابك في { $product }
mail-invite = أُنشئ لك حساب في <bdi>{ $product }</bdi>. يُرجى اختيار طريقة تسجيل الدخول.
mail-invite-action = إعداد الحساب
mail-verify-subject = تأكيد عنوانك في { $product }
mail-verify = أدخل أحدهم هذا العنوان في <bdi>{ $product }</bdi>. إن كان ذلك منك فيُرجى تأكيد أنه عنوانك. وإلا فلا حاجة إلى فعل شيء: لن يحدث شيء من دونك.
mail-verify-action = تأكيد هذا العنوان
mail-recover-subject = استعادة الدخول إلى حسابك في { $product }
mail-recover = طلب أحدهم، والأرجح أنه طلبك، استعادة الدخول إلى حسابك <bdi>{ $account }</bdi> في <bdi>{ $product }</bdi>. إن لم يكن الطلب منك فلا حاجة إلى فعل شيء: لم يتغيّر شيء.
mail-recover-action = استعادة الدخول
mail-sign-up-subject = إنشاء حسابك في { $product }
mail-sign-up = أُدخل هذا العنوان لإنشاء حساب في <bdi>{ $product }</bdi>. إذا كان ذلك منك، فيمكنك المتابعة هنا. وإن لم يكن، فلا حاجة إلى فعل شيء: لا يُنشأ أي حساب من دونك.
mail-sign-up-action = إنشاء حسابك
mail-sign-up-invite-subject = دعوة إلى { $product }
mail-sign-up-invite = هذه دعوة لك لإنشاء حساب في <bdi>{ $product }</bdi>. لك اختيار اسم المستخدم وطريقة تسجيل الدخول.
mail-account-exists-subject = لديك حساب في { $product } من قبل
mail-account-exists = حاول أحدهم، والأرجح أنها محاولتك، إنشاء حساب في <bdi>{ $product }</bdi> بهذا العنوان. وهو عنوان حسابك <bdi>{ $account }</bdi>. يُرجى تسجيل الدخول به؛ وإذا نُسيت كلمة المرور فيمكن اختيار أخرى هناك.
mail-address-changed-subject = تغيّر عنوانك في { $product }
mail-address-changed = منذ { $when } صار لحسابك <bdi>{ $account }</bdi> في <bdi>{ $product }</bdi> عنوان آخر. هذه آخر رسالة إلى هذا العنوان.
mail-password-changed-subject = تغيّرت كلمة مرورك في { $product }
mail-password-changed = تغيّرت كلمة مرور حسابك <bdi>{ $account }</bdi> في <bdi>{ $product }</bdi> ({ $when }).
mail-otp-added-subject = أُضيف تطبيق مصادقة في { $product }
mail-otp-added = أُضيف تطبيق مصادقة إلى حسابك <bdi>{ $account }</bdi> في <bdi>{ $product }</bdi> ({ $when }).
mail-otp-removed-subject = أُزيل تطبيق المصادقة في { $product }
mail-otp-removed = أُزيل تطبيق المصادقة من حسابك <bdi>{ $account }</bdi> في <bdi>{ $product }</bdi> مع رموز الاسترداد ({ $when }).
mail-passkey-added-subject = أُضيف مفتاح مرور في { $product }
mail-passkey-added = أُضيف مفتاح مرور إلى حسابك <bdi>{ $account }</bdi> في <bdi>{ $product }</bdi> ({ $when }).
mail-passkey-removed-subject = أُزيل مفتاح مرور في { $product }
mail-passkey-removed = أُزيل مفتاح مرور من حسابك <bdi>{ $account }</bdi> في <bdi>{ $product }</bdi> ({ $when }).
mail-recovery-codes-made-subject = رموز استرداد جديدة في { $product }
mail-recovery-codes-made = أُنشئت رموز استرداد جديدة لحسابك <bdi>{ $account }</bdi> في <bdi>{ $product }</bdi> ({ $when }). لم تعد الرموز القديمة صالحة.
mail-recovery-code-used-subject = استُخدم رمز استرداد في { $product }
mail-recovery-code-used = استُخدم رمز استرداد لتسجيل الدخول إلى حسابك <bdi>{ $account }</bdi> في <bdi>{ $product }</bdi> ({ $when }).
mail-second-factor-guessed-subject = رموز غير صحيحة في { $product }
mail-second-factor-guessed = أُدخلت رموز غير صحيحة كثيرة لحسابك <bdi>{ $account }</bdi> في <bdi>{ $product }</bdi> ({ $when }). لن يُقبل أي رمز لمدة خمس دقائق.
mail-guessed-advice = من أدخلها يعرف كلمة مرورك. إن لم يكن ذلك منك فيُرجى تغييرها.
mail-new-device-subject = تسجيل دخول جديد في { $product }
mail-new-device = سجّل أحدهم الدخول إلى حسابك <bdi>{ $account }</bdi> في <bdi>{ $product }</bdi> من متصفح لم تستخدمه هناك مؤخرًا ({ $when }).
mail-not-you = إن لم يكن ذلك منك فربما يستخدم شخص آخر حسابك: يُرجى تغيير كلمة مرورك ومراجعة طرق تسجيل الدخول وأجهزتك.
mail-account-action = فتح حسابك
mail-link = إذا لم يعمل الزر فيُرجى نسخ هذا العنوان إلى المتصفح:
mail-link-minutes = الرابط صالح لمدة { $minutes ->
    [zero] { $minutes } دقيقة
    [one] دقيقة واحدة
    [two] دقيقتين
    [few] { $minutes } دقائق
    [many] { $minutes } دقيقة
   *[other] { $minutes } دقيقة
 } ولمرة واحدة.
mail-link-hours = الرابط صالح لمدة { $hours ->
    [zero] { $hours } ساعة
    [one] ساعة واحدة
    [two] ساعتين
    [few] { $hours } ساعات
    [many] { $hours } ساعة
   *[other] { $hours } ساعة
 } ولمرة واحدة.
mail-footer = أرسل <bdi>{ $product }</bdi> هذه الرسالة تلقائيًا. لا أحد يقرأ الردود عليها.
mail-test-subject = رسالة تجريبية من { $product }
mail-test = تُظهر هذه الرسالة أن <bdi>{ $product }</bdi> يستطيع إرسال البريد إليك.
mail-test-action = فتح <bdi>{ $product }</bdi>

## The account page

account-title = حسابك
account-overview = نظرة عامة
account-security = طريقة تسجيل دخولك
account-security-short = تسجيل الدخول
account-activity = النشاط الأخير
account-activity-short = النشاط
account-apps-short = التطبيقات
account-sessions-short = الجلسات
account-again = تأكدنا من هويتك. لم يتغير شيء بعد: يُرجى اختيار ما أردته مرة أخرى.
account-apps = التطبيقات التي لها حق الوصول
account-apps-explanation = ما تزيله ينتهي فورًا على هذا الخادم. وقد تقبل واجهة برمجية لا تسأل هذا الخادم آخر رمز لتطبيق مدة أقصاها { $minutes ->
    [zero] { $minutes } دقيقة
    [one] دقيقة واحدة
    [two] دقيقتان
    [few] { $minutes } دقائق
    [many] { $minutes } دقيقة
   *[other] { $minutes } دقيقة
 }.
account-no-apps = ليس لأي تطبيق حق الوصول إلى حسابك.
account-since = منذ { $date }
account-last-used = آخر استخدام: { $date }
account-remove-access = إزالة الوصول
account-sessions = أين سجّلت الدخول
account-this-session = هذا المتصفح
account-other-session = متصفح آخر
session-device = <bdi>{ $browser }</bdi> على <bdi>{ $system }</bdi>
account-signed-in-with = تم تسجيل الدخول بواسطة
account-end-session = تسجيل الخروج هناك
account-end-others = تسجيل الخروج من كل مكان آخر
account-password-changed = تم التعيين في { $date }
account-no-password = ليس لحسابك كلمة مرور.
account-change-password = تغيير كلمة المرور
account-no-authenticator = رمز من هاتفك يمنع من يعرف كلمة مرورك من الدخول.
account-authenticator-off = تطبيقات المصادقة معطلة هنا.
account-authenticator-demanded = يُطلب منك عامل ثانٍ، ولذلك لا يمكن إزالته.
account-remove-authenticator = إزالة تطبيق المصادقة
account-recovery-codes = رموز الاسترداد
account-recovery-codes-left = { $count ->
    [zero] لم يتبقَّ أي رمز استرداد.
    [one] تبقّى رمز استرداد واحد.
    [two] تبقّى رمزا استرداد.
    [few] تبقّت { $count } رموز استرداد.
    [many] تبقّى { $count } رمز استرداد.
   *[other] تبقّى { $count } رمز استرداد.
 }
account-new-recovery-codes = إنشاء رموز استرداد جديدة
account-new-recovery-codes-note = ستتوقف الرموز التي لديك الآن عن العمل.
account-no-activity = لم يحدث شيء بعد.
account-earlier = ما قبل ذلك
event-user-added = تم إنشاء الحساب
event-user-locked = تم قفل الحساب
event-user-unlocked = تم فتح قفل الحساب
event-claims-updated = تم تغيير بيانات حسابك
event-password-set = تم تعيين كلمة المرور
event-second-factor-added = تمت إضافة تطبيق المصادقة
event-second-factor-removed = تمت إزالة تطبيق المصادقة
event-recovery-codes-made = تم إنشاء رموز استرداد جديدة
event-recovery-code-used = تم استخدام رمز استرداد، { $left ->
    [zero] ولم يتبقَّ أي رمز
    [one] وتبقّى رمز واحد
    [two] وتبقّى رمزان
    [few] وتبقّت { $left } رموز
    [many] وتبقّى { $left } رمزًا
   *[other] وتبقّى { $left } رمز
 }
event-second-factor-guessed = حاول شخص يعرف كلمة مرورك تخمين الرموز
event-session-started = تم تسجيل الدخول
event-session-ended = تم تسجيل الخروج من متصفح
event-sessions-ended = تم تسجيل الخروج من كل مكان
event-other-sessions-ended = تم تسجيل الخروج من كل مكان آخر
event-consent-given = تم منح <bdi>{ $client }</bdi> حق الوصول
event-access-removed = تمت إزالة وصول <bdi>{ $client }</bdi>
account-name = الاسم
account-name-hint = ما تناديك به التطبيقات إذا سمحت لها برؤية ملفك الشخصي.
account-name-submit = حفظ الاسم
problem-name = يُرجى إدخال اسم من 128 حرفًا على الأكثر في سطر واحد.
account-facts = معلومات أخرى عنك
account-facts-explanation = تراها التطبيقات إذا سمحت لها.
account-email = عنوان البريد الإلكتروني
account-phone = رقم الهاتف
claim-given-name = الاسم الأول
claim-middle-name = الاسم الأوسط
claim-family-name = اسم العائلة
claim-nickname = اللقب
claim-address = العنوان البريدي
claim-groups = المجموعات
claim-birthdate = تاريخ الميلاد
claim-gender = الجنس
claim-picture = الصورة
claim-profile = صفحة الملف الشخصي
claim-website = الموقع الإلكتروني
claim-locale = اللغة
claim-zoneinfo = المنطقة الزمنية
account-app-sees = ما يمكنه الاطلاع عليه الآن:
account-delete = حذف حسابك
account-delete-explanation = ينتهي كل شيء فورًا: جلساتك وما مُنح للتطبيقات وطريقة تسجيل دخولك. ولا يمكن استرجاعه.
account-delete-confirm = للتأكيد، يُرجى كتابة <strong><bdi>{ $account }</bdi></strong>
problem-confirmation = هذا ليس اسم هذا الحساب.
account-deleted-heading = تم حذف حسابك
account-deleted-explanation = تم تسجيل خروجك من كل مكان، ويتم إبلاغ التطبيقات. ما تحتفظ به عنك يبقى لديها: يُرجى سؤالها.
home-account = حسابك وتطبيقاتك وجلساتك

## When, and by what

moment-now = خلال الساعة الأخيرة
moment-hours = { $hours ->
    [zero] قبل { $hours } ساعة
    [one] قبل ساعة واحدة
    [two] قبل ساعتين
    [few] قبل { $hours } ساعات
    [many] قبل { $hours } ساعة
   *[other] قبل { $hours } ساعة
 }
factor-password = كلمة المرور
factor-otp = تطبيق المصادقة
factor-recovery-code = رمز الاسترداد
factor-passkey = مفتاح المرور

## Passkeys

account-passkeys = مفاتيح المرور
account-passkeys-explanation = يتيح لك مفتاح المرور تسجيل الدخول بلا كلمة مرور: ببصمتك أو وجهك أو رمز PIN لجهازك.
account-no-passkeys = ليس لديك مفتاح مرور بعد.
account-add-passkey = إضافة مفتاح مرور
account-passkey-added = تاريخ الإضافة: { $date }
account-passkey-unused = لم يُستخدم بعد
account-passkey-synced = على أجهزتك
account-passkey-one-device = على جهاز واحد أو مفتاح أمان
account-passkey-rename = تغيير الاسم
account-passkey-name = الاسم
account-passkey-save-name = حفظ الاسم
account-passkey-remove = إزالة
account-passkey-last = مفتاح المرور هذا هو طريقتك الوحيدة لتسجيل الدخول. أضف مفتاحًا آخر قبل إزالته.
account-passkey-demanded = يُطلب منك عامل ثانٍ، ومفتاح المرور هذا هو الوحيد. أضف مفتاحًا آخر أو تطبيق مصادقة قبل إزالته.
new-passkey-explanation = يسألك المتصفح عن مكان حفظه: على هذا الجهاز أو في مدير كلمات المرور أو على مفتاح أمان.
new-passkey-submit = إنشاء مفتاح مرور
new-passkey-cancelled = لم يُنشأ أي مفتاح مرور. حاول مرة أخرى عندما تكون مستعدًا.
new-passkey-there = يوجد في ذلك المكان مفتاح مرور لحسابك بالفعل.
new-passkey-failed = لا يمكن لهذا المتصفح إنشاء مفتاح مرور هنا. جرّب متصفحًا أو جهازًا آخر.
problem-new-passkey = تعذّرت إضافة مفتاح المرور هذا. حاول مرة أخرى.
problem-new-passkey-over = ظلت هذه الصفحة مفتوحة مدة طويلة. حاول مرة أخرى.
problem-new-passkey-not-verified = عيّن أولًا رمز PIN لهذا المفتاح، أو استخدم جهازًا تفتح قفله ببصمتك أو وجهك أو رمز PIN.
problem-new-passkey-not-discoverable = لا يتسع مفتاح الأمان هذا لمفتاح مرور أو لا يمكنه حفظه. استخدم مفتاحًا آخر.
problem-new-passkey-known = مفتاح المرور هذا مرتبط بحساب بالفعل.
problem-new-passkey-too-many = لديك أكبر عدد ممكن من مفاتيح المرور. أزِل واحدًا أولًا.
passkey-name = مفتاح مرور
passkey-security-key = مفتاح أمان
account-your-passkeys = مفاتيح المرور الخاصة بك
event-passkey-added = أُضيف مفتاح مرور
event-passkey-renamed = غُيّر اسم مفتاح مرور
event-passkey-removed = أُزيل مفتاح مرور
event-passkey-count-behind = استُخدم مفتاح مرور ربما نُسخ
offer-passkey-explanation = في المرة القادمة سجّل الدخول باسم <strong><bdi>{ $account }</bdi></strong> بلا كلمة مرور: ببصمتك أو وجهك أو رمز PIN لهذا الجهاز. لا يمكن لأحد تخمينه أو طلبه منك.


## The mail address of the account

phone-change = تغيير رقم الهاتف
phone-explanation = تُبلَّغ التطبيقات التي يُسمح لها برؤيته بأن أحدًا لم يتحقق منه. يُترك الحقل فارغًا إذا لم يكن مطلوبًا حفظ رقم هنا.
phone-hint = مع رمز البلد، مثل <bdi>+966 11 555 0100</bdi>.
phone-submit = حفظ رقم الهاتف
problem-phone = يُرجى إدخال رقم هاتف يبدأ بعلامة + ورمز البلد، مثل <bdi>+966 11 555 0100</bdi>.
account-address = عنوان البريد الإلكتروني
address-change = تغيير عنوان البريد الإلكتروني
address-confirmed = مؤكَّد
address-not-confirmed = لم يُؤكَّد بعد
address-unknown = لا يوجد عنوان بريد إلكتروني معروف.
address-explanation = نرسل رابطًا إلى العنوان الذي تُدخله. يصبح العنوان لك عند فتح الرابط هنا وتأكيده. ومنذ ذلك الحين ترى التطبيقات المسموح لها برؤية عنوانك العنوانَ الجديد.
address-new = عنوان البريد الإلكتروني الجديد
address-by-operator = لا يمكن تغييره هنا. يُرجى سؤال من يدير هذه الخدمة.
address-sent = الرابط في طريقه إلى <strong><bdi>{ $address }</bdi></strong>. يُرجى فتحه في هذا المتصفح خلال ساعة وتأكيده هناك.
problem-address = يُرجى إدخال عنوان بريد إلكتروني، مثل ada@example.com.
confirm-address-heading = تأكيد عنوان بريدك الإلكتروني
confirm-address-explanation = من الآن فصاعدًا، <strong><bdi>{ $address }</bdi></strong> هو عنوان البريد الإلكتروني لحسابك <strong><bdi>{ $account }</bdi></strong>.
confirm-address-submit = تأكيد هذا العنوان

## إنشاء حساب

sign-up-heading = إنشاء حساب
sign-up-explanation = يُرجى إدخال عنوان بريدك الإلكتروني. نرسل إليك رابطًا لاختيار اسم مستخدم وطريقة تسجيل الدخول.
sign-up-domains = عناوين هذه النطاقات فقط:
sign-up-sign-in = لديّ حساب من قبل
problem-sign-up-domain = لا يمكن إنشاء حساب هنا بعنوان من هذا النطاق.
sign-up-asked-explanation = رسالة في طريقها إلى هذا العنوان. رابطها ينشئ حسابك خلال 24 ساعة، أو تخبرك الرسالة بأن لديك حسابًا من قبل. يُرجى فتحها في هذا المتصفح للمتابعة من حيث كنت.
new-account-for = للعنوان <strong><bdi>{ $address }</bdi></strong>
new-account-username-hint = ما تسجّل الدخول به.
new-account-name = الاسم (اختياري)
new-account-passkey = استخدام مفتاح المرور بدلًا من كلمة مرور
new-account-password = اختيار كلمة مرور بدلًا من ذلك
problem-username-unfit = لا يصلح هذا اسمًا للمستخدم. يُرجى استخدام حروف من نوع كتابة واحد وأرقام وعلامات، 128 على الأكثر.
problem-username-address = اسم المستخدم الذي يشبه عنوان بريد إلكتروني يجب أن يكون عنوانك أنت.
problem-username-taken = اسم المستخدم هذا مستخدَم من قبل. يُرجى اختيار اسم آخر.
